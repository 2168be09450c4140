in vec3 P; in vec3 N; in vec3 Q; in vec3 L; out vec4 colour;
uniform vec3 iris; uniform vec3 iris_inner; uniform vec4 lids[16]; uniform float radius;
uniform float pupil; uniform vec3 sideways; uniform vec3 lid_colour;

void main() {
  vec3 n = normalize(N), v = normalize(eye_position - P);
  float r = length(Q.xy), iris_radius = 0.405;
  float up = lids[0].y, low = lids[0].z;
  for (int i = 0; i < 15; i++) {
    float x0 = lids[i].x, x1 = lids[i + 1].x;
    if (L.x >= min(x0, x1) && L.x <= max(x0, x1)) {
      float t = clamp((L.x - x0) / (x1 - x0), 0.0, 1.0);
      up = mix(lids[i].y, lids[i + 1].y, t); low = mix(lids[i].z, lids[i + 1].z, t);
    }
  }
  float from_up = up - L.z, from_low = L.z - low;
  // the upper lid and its lashes shade the ball; the corners lie deep
  float shade = mix(0.22, 1.0, smoothstep(-0.0012, 0.0048, from_up)) * mix(0.62, 1.0, smoothstep(-0.0006, 0.0022, from_low));
  float across = abs(L.x - 0.5 * (lids[0].x + lids[15].x)) / max(abs(lids[0].x - lids[15].x) * 0.5, 1e-4);
  float corner = smoothstep(0.70, 1.10, across);
  shade *= 1.0 - 0.40 * corner;
  vec3 a = vec3(0.66, 0.62, 0.59) * (1.0 - 0.12 * smoothstep(0.35, 0.7, r));
  a = mix(a, vec3(0.50, 0.27, 0.23), corner * 0.6);
  a = mix(a, vec3(0.48, 0.25, 0.21), 0.6 * smoothstep(0.0016, 0.0, from_low));
  float angle = atan(Q.y, abs(Q.x)), t = r / iris_radius;
  float fibre = noise(vec3(cos(angle) * 9.0, sin(angle) * 9.0, r * 9.0));
  vec3 ring = mix(iris_inner, iris, smoothstep(0.42, 0.75, t)) * (0.68 + 0.7 * fibre);
  ring *= 1.0 - 0.70 * smoothstep(0.70, 1.0, t);
  vec2 from = -normalize(vec2(dot(key_direction, sideways), key_direction.z) + 1e-4);
  ring *= 0.75 + 0.75 * smoothstep(-0.6, 0.9, dot(normalize(Q.xy + 1e-4), from)) * smoothstep(0.3, 0.7, t);
  ring = mix(vec3(0.006), ring, smoothstep(pupil - 0.08, pupil + 0.09, t));
  float in_iris = (1.0 - smoothstep(0.88, 1.10, t)) * step(0.0, Q.z);
  a = mix(a, ring, in_iris);
  float arrives = lit(P, 0.0035) * 0.8 + 0.2;
  float d = max((dot(n, key_direction) + 0.4 + 0.3 * softness) / (1.4 + 0.3 * softness), 0.0);
  vec3 c = a * shade * (key_colour * d * arrives * 0.8 + (fill_colour * max(0.4 + 0.6 * dot(n, fill_direction), 0.0) + ambient(n.z)) * 0.9);
  float open = smoothstep(-0.0002, 0.0016, from_up) * smoothstep(0.0, 0.0010, from_low);
  float spread = mix(1.0, 0.55, softness);
  float window = smoothstep(1.0 - 0.0100 / spread, 1.0 - 0.0030 / spread, dot(n, normalize(key_direction + v)));
  float second = smoothstep(0.991, 0.998, dot(n, normalize(fill_direction + v)));
  c += (key_colour * window * mix(1.25, 0.95, softness) + fill_colour * second * 0.4) * open * mix(0.30, 1.0, in_iris);
  float nv = max(dot(n, v), 0.0);
  c += surroundings(reflect(-v, n)) * (0.03 + 0.3 * pow(1.0 - nv, 5.0)) * shade * 0.8 * open;
  c += smoothstep(0.0010, 0.0003, from_low) * step(0.0, from_low) * 0.06 * (key_colour * 0.6 + sky);
  colour = vec4(tone(c), 1);
}
