in vec3 P; in vec3 N; out vec4 colour;
uniform vec3 frame_colour; uniform float lens; uniform float worn;

void main() {
  vec3 n = normalize(N), v = normalize(eye_position - P);
  if (lens > 0.5) {
    vec3 r = reflect(-v, n);
    float glare = pow(max(dot(r, key_direction), 0.0), 60.0);
    float share = 0.03 + 0.22 * pow(1.0 - abs(dot(n, v)), 4.0) + 0.35 * glare;
    colour = vec4(tone(surroundings(r) * 0.9 + key_colour * glare), share * worn);
    return;
  }
  vec3 h = normalize(key_direction + v);
  vec3 c = frame_colour * (key_colour * max(dot(n, key_direction), 0.0) * lit(P, 0.004) + ambient(n.z) + fill_colour * 0.4);
  c += key_colour * 0.35 * pow(max(dot(n, h), 0.0), 30.0);
  colour = vec4(tone(c), worn);
}
