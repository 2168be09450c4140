in vec3 P; in vec3 N; in vec3 S; in vec3 T; in vec4 M; in vec4 A; in vec4 B; in float H;
out vec4 colour;
uniform vec3 cloth; uniform float neckline; uniform float neck_v; uniform float collar;

float edge_height(vec3 t) {
  float depth = mix(0.55, 1.0, neckline);
  float z = mix(-0.128, -0.205, neckline) + 0.42 * (t.y + 0.06) * depth;
  return z - neck_v * 0.06 * exp(-pow(t.x / 0.035, 2.0)) * (1.0 - smoothstep(-0.04, 0.0, t.y));
}

void main() {
  float below = edge_height(T) + 0.016 * collar - T.z;
  float blend = smoothstep(-0.0010, 0.0012, below) * (1.0 - smoothstep(-0.080, -0.062, T.z));
  if (blend <= 0.0) discard;
  vec3 t = vec3(abs(T.x), T.y, T.z);
  vec3 n = normalize(mix(N, S, 0.7));
  float band = smoothstep(0.016, 0.013, below) * mix(0.5, 1.0, collar);
  float fold = noise(t * 28.0 + 7.0) * 0.65 + noise(t * 62.0 + 3.0) * 0.35;
  n = normalize(n + 0.45 * (fold - 0.5) * vec3(1, 0, 1));
  vec3 a = cloth * (0.94 + 0.12 * noise(t * 300.0)) * (1.0 - 0.16 * band);
  float seam = mix(0.70, 1.0, smoothstep(0.0, 0.004, below)) * mix(0.86, 1.0, smoothstep(0.0, 0.003, abs(below - 0.0145)));
  float ao = pow(B.w, 0.8) * (0.8 + 0.4 * fold), arrives = lit(P, 0.005);
  float d = clamp((dot(n, key_direction) + 0.25 + 0.25 * softness) / (1.25 + 0.25 * softness), 0.0, 1.0);
  vec3 c = a * seam * (key_colour * d * arrives + (fill_colour * max(0.3 + 0.7 * dot(n, fill_direction), 0.0)
    + ambient(n.z)) * ao + rim_colour * max(dot(n, rim_direction), 0.0) * 0.5);
  float nv = max(dot(n, normalize(eye_position - P)), 0.0);
  c += (a + 0.03) * 0.35 * pow(1.0 - nv, 3.0) * (sky + fill_colour) * ao;
  colour = vec4(tone(c), blend);
}
