in vec3 position; in vec3 normal; in vec3 soft_normal; in float scalp;
in vec3 rest; in vec4 masks; in vec4 region_a; in vec4 region_b; in float turn;
uniform float inflate;
out vec3 P; out vec3 N; out vec3 S; out vec3 T; out vec4 M; out vec4 A; out vec4 B; out float H;

void main() {
  mat3 rotation = turned(turn);
  vec3 q = position + soft_normal * inflate * (1.0 - smoothstep(-0.10, -0.06, rest.z));
  P = pivot + rotation * (q - pivot);
  N = rotation * normal; S = rotation * soft_normal;
  T = rest; M = masks; A = region_a; B = region_b; H = scalp;
  gl_Position = place(P);
}
