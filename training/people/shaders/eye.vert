in vec3 position; uniform vec3 centre; uniform float radius; uniform vec3 gaze;
out vec3 P; out vec3 N; out vec3 Q; out vec3 L;

void main() {
  vec3 f = normalize(gaze), r = normalize(cross(f, vec3(0, 0, 1))), u = cross(r, f), d = position;
  float ahead = dot(d, f);
  vec3 q = centre + radius * (d * (1.0 + 0.055 * smoothstep(0.86, 1.0, ahead)));
  mat3 turn = turned(1.0);
  P = pivot + turn * (q - pivot); N = turn * d;
  Q = vec3(dot(d, r), dot(d, u), ahead); L = q - centre;
  gl_Position = place(P);
}
