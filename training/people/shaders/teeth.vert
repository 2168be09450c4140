in vec3 position; in vec3 normal; in vec3 uv; out vec3 P; out vec3 N; out vec3 U;

void main() {
  mat3 turn = turned(1.0);
  P = pivot + turn * (position - pivot); N = turn * normal; U = uv;
  gl_Position = place(P);
}
