in vec2 xy; out vec2 q;

void main() { q = xy; gl_Position = vec4(xy, 0.9999, 1); }
