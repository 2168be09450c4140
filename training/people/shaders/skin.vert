in vec3 position; in vec3 normal; in vec3 soft_normal; in float scalp;
in vec3 rest; in vec4 masks; in vec4 region_a; in vec4 region_b; in vec4 region_c;
uniform float inflate;
out vec3 P; out vec3 N; out vec3 S; out vec3 T; out vec4 M; out vec4 A; out vec4 B; out vec4 C_; out float H;

void main() {
  mat3 turn = turned(region_c.w);
  vec3 q = position + soft_normal * inflate * (1.0 - smoothstep(-0.10, -0.06, rest.z));
  P = pivot + turn * (q - pivot);
  N = turn * normal; S = turn * soft_normal;
  T = rest; M = masks; A = region_a; B = region_b; C_ = region_c; H = scalp;
  gl_Position = place(P);
}
