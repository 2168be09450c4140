// Lights, the key light's soft shadow and the picture's tones; colours are linear light.
uniform sampler2D shadow; uniform mat4 shadow_view;
uniform vec3 key_direction; uniform vec3 key_colour; uniform float softness;
uniform vec3 fill_direction; uniform vec3 fill_colour;
uniform vec3 rim_direction; uniform vec3 rim_colour;
uniform vec3 sky; uniform vec3 ground; uniform vec3 eye_position; uniform float exposure;

float behind(vec2 at, float depth) { return depth - texture(shadow, at).r; }

// Share of the key light that arrives, 0 to 1.
float lit(vec3 p, float bias) {
  vec3 c = (shadow_view * vec4(p, 1)).xyz * 0.5 + 0.5;
  float sum = 0.0, reach = mix(0.010, 0.034, softness), slope = mix(300.0, 120.0, softness);
  for (int i = 0; i < 10; i++) {  // pairs that mirror each other
    float k = float(i >> 1), a = k * 2.4 + 0.9, r = sqrt((k + 0.5) / 5.0) * reach;
    vec2 to = r * vec2(abs(cos(a)) * float((i & 1) * 2 - 1), sin(a));
    sum += 1.0 - clamp((behind(c.xy + to, c.z) - bias * (1.0 + r * 60.0)) * slope, 0.0, 1.0);
  }
  return sum / 10.0;
}

// How much hair the key light has gone through [shadow depths].
float depth_within(vec3 p) {
  vec3 c = (shadow_view * vec4(p, 1)).xyz * 0.5 + 0.5;
  float sum = 0.0;
  for (int i = 0; i < 4; i++) {
    float a = (float(i) + 0.5) * 1.5708;
    sum += clamp(behind(c.xy + 0.011 * vec2(cos(a), sin(a)), c.z), 0.0, 1.0);
  }
  return sum * 0.25;
}

float hash31(vec3 p) {
  p = fract(p * vec3(0.1031, 0.1030, 0.0973));
  p += dot(p, p.yxz + 33.33);
  return fract((p.x + p.y) * p.z);
}

float noise(vec3 p) {
  vec3 i = floor(p), f = fract(p);
  f = f * f * (3.0 - 2.0 * f);
  vec4 low = vec4(hash31(i), hash31(i + vec3(1, 0, 0)), hash31(i + vec3(0, 1, 0)), hash31(i + vec3(1, 1, 0)));
  i.z += 1.0;
  vec4 high = vec4(hash31(i), hash31(i + vec3(1, 0, 0)), hash31(i + vec3(0, 1, 0)), hash31(i + vec3(1, 1, 0)));
  vec4 m = mix(low, high, f.z);
  vec2 n = mix(m.xy, m.zw, f.y);
  return mix(n.x, n.y, f.x);
}

vec3 ambient(float up) { return mix(ground, sky, 0.5 + 0.5 * up); }

// A photograph's tones: a soft shoulder, a little toe.
vec3 tone(vec3 c) {
  c *= exposure;
  c *= 0.86;
  c = c * (c * 1.55 + 0.16) / (c * (c * 1.45 + 0.62) + 0.20);
  return pow(clamp(c, 0.0, 1.0), vec3(1.0 / 2.2));
}

vec3 surroundings(vec3 r) {
  return ambient(r.z) + key_colour * 0.35 * pow(max(dot(r, key_direction), 0.0), 5.0);
}
