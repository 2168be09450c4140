in vec3 position; in vec3 normal; out vec3 P; out vec3 N;

void main() {
  mat3 turn = turned(1.0);
  P = pivot + turn * (position - pivot); N = turn * normal;
  gl_Position = place(P);
}
