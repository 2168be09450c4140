in vec3 P; in vec3 N; in vec3 U; out vec4 colour;
uniform vec3 tooth; uniform float tongue; uniform vec3 mouth; uniform vec3 sideways;

void main() {
  vec3 n = normalize(N), v = normalize(eye_position - P);
  if (dot(n, v) < 0.0) n = -n;
  vec3 h = normalize(key_direction + v);
  if (tongue > 0.5) {
    vec3 c = vec3(0.42, 0.13, 0.12) * (0.45 * key_colour * max(dot(n, key_direction), 0.0) + 0.5 * (sky + ground)) * 0.55;
    colour = vec4(tone(c + key_colour * 0.12 * pow(max(dot(n, h), 0.0), 30.0)), 1);
    return;
  }
  float lower = U.z, s = abs(U.x);
  // widths of the teeth along the arch, middle to side
  float w0 = mix(0.185, 0.115, lower), w1 = mix(0.14, 0.125, lower), w2 = mix(0.15, 0.14, lower);
  float e = s, w = w0, number = 0.0;
  if (e > w) { e -= w; w = w1; number = 1.0;
    if (e > w) { e -= w; w = w2; number = 2.0;
      if (e > w) { e -= w; w = 0.15; number = 3.0 + floor(e / w); e = mod(e, w); } } }
  float x = e / w * 2.0 - 1.0;
  if (number < 0.5) x = s / w0;
  float gum_line = mix(0.36, 0.40, lower) - 0.10 * (1.0 - x * x);
  float gum = smoothstep(gum_line + 0.03, gum_line - 0.03, U.y);
  float gap = smoothstep(0.80, 0.98, abs(x)) * (0.28 + 0.35 * smoothstep(0.5, 0.9, U.y));
  vec3 a = tooth * (1.0 - 0.5 * gap) * (1.0 - 0.05 * number);
  a = mix(a, vec3(0.50, 0.20, 0.19), gum);
  a *= 1.0 - mix(0.30, 0.55, lower) * smoothstep(mix(0.88, 0.78, lower), 1.0, U.y);
  a *= mix(1.0, 0.80, lower);
  float shade = mix(0.10, 1.0, smoothstep(0.95, 0.30, s));
  float high = (P.z - mouth.x) / max(mouth.y - mouth.x, 0.002);
  shade *= mix(mix(1.0, 0.45, smoothstep(0.45, 1.1, high)),
    mix(0.35, 0.85, smoothstep(-0.15, 0.5, high)) * mix(0.85, 0.45, smoothstep(0.55, 0.95, high)), lower);
  shade *= mix(0.40, 1.0, smoothstep(0.034, 0.014, P.y - mouth.z));
  shade *= 0.5 + 0.5 * smoothstep(0.001, 0.015, mouth.y - mouth.x);
  n = normalize(n + x * 0.25 * sideways);
  float around = dot(fill_colour * 0.6 + 0.9 * ambient(0.1), vec3(0.3333));
  vec3 c = a * shade * (key_colour * (0.34 + 0.50 * max(dot(n, key_direction), 0.0)) + vec3(1.04, 1.0, 0.94) * around);
  colour = vec4(tone(c + key_colour * shade * 0.25 * pow(max(dot(n, h), 0.0), 40.0)), 1);
}
