in vec4 shade; in float side; out vec4 colour;

void main() { colour = vec4(shade.rgb, shade.a * clamp(1.45 * (1.0 - side * side), 0.0, 1.0)); }
