// A room or a street far out of focus; negating turn_ and pan mirrors it.
in vec2 q; out vec4 colour;
uniform vec3 first; uniform vec3 second; uniform float turn_; uniform float horizon; uniform float bokeh;
uniform float bokeh_size; uniform float windows; uniform float pan;

void main() {
  vec2 axis = vec2(sin(turn_), cos(turn_));
  float along = dot(q, axis) - 0.25 * horizon;
  float blur = mix(0.35, 1.3, smoothstep(-1.5, 1.5, horizon));
  vec3 c = mix(first, second, smoothstep(-blur, blur, along));
  // blurred uprights: door frames, curtains, trees
  float x = q.x - pan;
  float bars = 0.5 + 0.28 * cos(x * 3.1) + 0.22 * cos(x * 7.3) * cos(q.y * 0.9);
  float wide = 0.5 + 0.5 * cos(x * 1.7) * cos(q.y * 1.3 + 0.6);
  c *= mix(1.0, mix(0.45, 1.55, smoothstep(0.25, 0.85, bars) * 0.6 + wide * 0.4), windows);
  c = mix(c, mix(c, second * 1.6 + 0.25, 0.5), windows * smoothstep(0.62, 0.95, bars * wide + 0.25));
  // discs of lights far away, on both sides alike but for the pan
  for (int i = 0; i < 6; i++) {
    float a = float(i) * 2.399 + 0.7, r = 0.45 + 0.13 * float(i);
    vec2 at = vec2(r * cos(a), 0.15 + 0.85 * r * sin(a));
    float size = mix(0.10, 0.34, bokeh_size) * (0.7 + 0.5 * fract(float(i) * 0.618));
    float left = 1.0 - smoothstep(size * 0.55, size, length(vec2(x, q.y) - at));
    float right = 1.0 - smoothstep(size * 0.55, size, length(vec2(-x, q.y) - at));
    vec3 glow = mix(second, vec3(1.0, 0.82, 0.55), 0.5) * (0.35 + 0.4 * fract(float(i) * 0.37));
    c += bokeh * glow * (left + right) * 0.55;
  }
  c *= 1.08 - 0.16 * dot(q, q);
  colour = vec4(pow(clamp(c / (1.0 + 0.25 * c), 0.0, 1.0), vec3(1.0 / 2.2)), 1);
}
