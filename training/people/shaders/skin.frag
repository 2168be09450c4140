in vec3 P; in vec3 N; in vec3 S; in vec3 T; in vec4 M; in vec4 A; in vec4 B; in float H;
out vec4 colour;
uniform vec3 skin; uniform vec3 lip; uniform vec3 flush; uniform vec3 hair_colour;
uniform float freckles; uniform float oil; uniform float under_eye; uniform float lines;
uniform float makeup; uniform float dark;

void main() {
  float lips = M.x, ears = M.z, cheek = A.x, nose = A.y, bags = A.z, tzone = A.w;
  float lid_line = B.x, crease = B.y, nostril = B.z, open_sky = B.w;
  float inside = smoothstep(0.25, 0.85, M.w);
  float lip_share = smoothstep(0.20, 0.75, lips) * (1.0 - smoothstep(0.3, 0.8, M.w));
  vec3 v = normalize(eye_position - P);
  vec3 t = vec3(abs(T.x), T.y, T.z);
  float coarse = noise(t * 70.0), middle = noise(t * 210.0), fine = noise(t * 460.0);
  vec3 n = normalize(N), s = normalize(S);
  n = normalize(n + (vec3(middle, fine, coarse) - 0.5) * 0.05 * (1.0 - lips * 0.6));

  // lines of age: forehead and crow's feet
  float brow_high = tzone * smoothstep(0.034, 0.046, T.z) * smoothstep(0.085, 0.065, T.z);
  float wrinkle = brow_high * sin((T.z - 0.012 * cos(T.x * 28.0)) * 620.0 + 2.0 * coarse) * 0.5;
  vec2 corner = vec2(t.x - 0.040, T.z + 0.001);
  float ray = atan(corner.y, corner.x);
  wrinkle += sin(ray * 11.0 + coarse) * smoothstep(0.006, 0.011, length(corner))
    * smoothstep(0.024, 0.013, length(corner)) * smoothstep(0.9, 0.4, abs(ray)) * 0.5
    * (1.0 - smoothstep(-0.09, -0.07, T.y));
  n = normalize(n + lines * wrinkle * vec3(0, 0, 0.40));

  vec3 a = skin * (1.0 + 0.15 * (coarse - 0.5) + 0.10 * (middle - 0.5) + 0.05 * (fine - 0.5));
  float blush = clamp(cheek * (0.75 + 0.35 * makeup) + nose * 0.8 + ears * 0.65 + 0.35 * M.y, 0.0, 1.0);
  a = mix(a, a * flush, blush * 0.62 * (0.75 + 0.5 * coarse));
  a *= mix(vec3(1), vec3(0.80, 0.74, 0.79), bags * under_eye);
  a *= mix(vec3(1), vec3(0.84, 0.75, 0.73), M.y * (0.30 + 0.6 * makeup));
  a *= 1.0 - crease * mix(vec3(0.16, 0.22, 0.22), vec3(0.34, 0.38, 0.36), makeup);
  a *= 1.0 - 0.06 * lines * (0.5 - wrinkle) * tzone;
  float spots = 0.0;
  if (freckles > 0.0) spots = smoothstep(0.56, 0.76, noise(t * 500.0) + 0.25 * (coarse - 0.5));
  spots *= freckles * (cheek + nose + 0.35 * tzone + 0.12);
  a *= mix(vec3(1), vec3(0.64, 0.49, 0.40), clamp(spots, 0.0, 1.0) * 0.7);
  a *= mix(vec3(1), vec3(0.34, 0.26, 0.24), clamp(lid_line * (0.75 + 0.5 * makeup), 0.0, 0.95));
  a *= mix(vec3(1), vec3(0.32, 0.20, 0.17), nostril);
  float hairy = max(H, 0.0), shade = max(-H, 0.0);
  a = mix(a, mix(a * vec3(0.62, 0.64, 0.68), hair_colour * 0.9 + 0.03, 0.45), clamp(shade * (0.75 + 0.5 * fine), 0.0, 1.0) * 0.8);
  a = mix(a, mix(a * 0.25, hair_colour * 0.6, 0.65), hairy * 0.92);
  a = mix(a, lip * (0.90 + 0.2 * middle), lip_share * 0.9);
  a = mix(a, vec3(0.30, 0.055, 0.05), inside);

  float ao = mix(pow(open_sky, 1.2), 0.5, inside);
  vec3 occlusion = pow(vec3(ao), mix(vec3(0.70, 1.05, 1.15), vec3(1.0), dark));
  float arrives = lit(P, 0.0035);
  // light scatters in skin: red furthest, so its terminator is the softest
  vec3 facing = vec3(dot(mix(n, s, 0.85), key_direction), dot(mix(n, s, 0.55), key_direction), dot(mix(n, s, 0.4), key_direction));
  vec3 wrap = mix(vec3(0.40, 0.20, 0.14), vec3(0.24, 0.15, 0.12), dark) + 0.28 * softness;
  vec3 d = clamp((facing + wrap) / (1.0 + wrap), 0.0, 1.0);
  d = mix(d, d * d, 0.45 * (1.0 - softness));
  vec3 shadowed = pow(vec3(arrives), mix(vec3(0.66, 0.95, 1.05), vec3(1), dark * 0.6));
  float fill = clamp((dot(mix(n, s, 0.6), fill_direction) + 0.5) / 1.5, 0.0, 1.0);
  float rim = clamp((dot(s, rim_direction) + 0.25) / 1.25, 0.0, 1.0);
  vec3 c = a * (key_colour * d * shadowed * mix(vec3(1), occlusion, 0.4)
    + (fill_colour * fill + ambient(mix(n, s, 0.5).z)) * occlusion + rim_colour * rim * ao * 0.6);
  // light bounced off neighbouring skin is red
  c += a * a * vec3(0.55, 0.30, 0.24) * (1.0 - ao) * (key_colour * 0.35 + sky * 0.4) * (1.0 - inside);

  vec3 h = normalize(key_direction + v);
  float nh = max(dot(n, h), 0.0), nv = max(dot(n, v), 0.0);
  float fresnel = 0.028 + 0.972 * pow(1.0 - max(dot(v, h), 0.0), 5.0);
  float g1 = mix(mix(12.0, 7.0, softness), 26.0, oil * (0.4 + 0.6 * tzone) + 0.35 * lip_share), g2 = g1 * 4.0;
  float lobes = (g1 + 2.0) / 8.0 * pow(nh, g1) * 0.75
    + (g2 + 2.0) / 8.0 * pow(nh, g2) * (0.14 + 0.35 * lip_share + 0.22 * oil * tzone) * (1.0 - 0.5 * softness);
  float gloss = (0.50 + 0.55 * oil * (0.3 + tzone) + 0.9 * lip_share * (1.0 + makeup)) * (1.0 - inside * 0.5);
  gloss *= (0.8 + 0.4 * fine) * (1.0 - 0.8 * hairy);
  c += key_colour * lobes * fresnel * gloss * max(dot(n, key_direction), 0.0) * arrives * 1.1;
  float edge = 0.02 + 0.32 * pow(1.0 - nv, 4.5);
  c += surroundings(reflect(-v, n)) * edge * ao * gloss * 0.7 * (1.0 - inside) * (1.0 - hairy);
  c *= mix(vec3(1), vec3(0.40, 0.30, 0.28), inside);
  colour = vec4(tone(c), 1);
}
