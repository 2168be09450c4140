// Ribbons that face the viewer; all shading happens here, once a point.
uniform sampler2D points; uniform sampler2D strand_looks; uniform sampler2D order;
uniform int count; uniform int stride; uniform vec3 view_from; uniform float least_width; uniform float widen;
uniform float follow; uniform float lead; uniform vec3 centre; uniform vec3 root_colour; uniform vec3 tip_colour;
uniform float gloss; uniform float gray; uniform float thickness;
out vec4 shade; out float side;

void main() {
  float sd = float(gl_VertexID & 1) * 2.0 - 1.0;
  int s = (gl_VertexID >> 1) / count * stride;
  if (to_light == 0) s = int(texelFetch(order, ivec2(s, 0), 0).r);
  int k = (gl_VertexID >> 1) % count;
  vec4 p = texelFetch(points, ivec2(k, s), 0);
  vec3 before = texelFetch(points, ivec2(max(k - 1, 0), s), 0).xyz;
  vec3 after = texelFetch(points, ivec2(min(k + 1, count - 1), s), 0).xyz;
  vec4 look = texelFetch(strand_looks, ivec2(0, s), 0);
  float share = mix(1.0, smoothstep(-0.21, -0.10, p.z), follow);
  mat3 turn = turned(share);
  vec3 P = pivot + turn * (p.xyz - pivot), t = normalize(turn * (after - before) + vec3(1e-7));
  vec3 v = to_light == 1 ? view_from : normalize(view_from - P);
  vec3 o = normalize(cross(t, v) + vec3(1e-7));
  float width = max(p.w * widen, least_width);
  side = sd;
  if (to_light == 1) {
    P += o * sd * width * 0.5 * step(0.15, look.z);
    shade = vec4(0); gl_Position = place(P);
    return;
  }
  float along = float(k) / float(count - 1), kind = look.w;
  vec3 out_ = turn * normalize(p.xyz - centre);
  vec3 n = normalize(out_ + 0.30 * (look.y - 0.5) * o);
  vec3 a = mix(root_colour, tip_colour, smoothstep(0.1, 1.0, along)) * mix(0.66, 1.36, look.x) * mix(0.88, 1.14, look.y);
  float salt = look.y * 0.35 + look.x * 0.65;
  a = mix(a, vec3(0.40, 0.39, 0.38) * (0.75 + 0.4 * look.x), smoothstep(-0.36, 0.36, gray * 1.5 - 0.25 - salt) * 0.92);
  float alpha = look.z * (1.0 - 0.75 * smoothstep(0.7, 1.0, along)) * clamp(p.w * widen / width, 0.0, 1.0);
  vec3 c;
  if (kind > 1.5 && kind < 2.5) c = mix(a * 0.3, vec3(0.010, 0.008, 0.007), 0.75) * (sky + key_colour * 0.3);
  else {
    float passed = kind > 0.5 ? mix(0.35, 1.0, exp(-depth_within(P) * 60.0)) : exp(-depth_within(P) * thickness);
    float tl = dot(t, key_direction), tv = dot(t, v);
    float sl = sqrt(max(1.0 - tl * tl, 0.0)), sv = sqrt(max(1.0 - tv * tv, 0.0));
    float wrap = clamp((0.55 + 0.60 * dot(n, key_direction)), 0.0, 1.0);
    float shift1 = 0.10 + 0.10 * (look.x - 0.5), shift2 = -0.12 + 0.12 * (look.y - 0.5);
    float c1 = clamp(sl * sv - (tl + shift1) * (tv + shift1), 0.0, 1.0), c2 = clamp(sl * sv - (tl + shift2) * (tv + shift2), 0.0, 1.0);
    float p1 = pow(c1, mix(50.0, 24.0, softness)) * 0.13 * gloss, p2 = pow(c2, 13.0) * 0.42 * gloss;
    float ao = mix(0.45, 1.0, smoothstep(0.0, 0.55, along)) * mix(0.65, 1.0, 0.5 + 0.5 * look.x);
    ao = kind > 0.5 ? 0.85 : ao * mix(0.55, 1.0, smoothstep(-0.7, 0.5, out_.z + 0.35));
    c = a * (key_colour * sl * wrap * passed * 0.95 + (ambient(n.z) * 1.05 + fill_colour * clamp(0.5 + 0.5 * dot(n, fill_direction), 0.0, 1.0)) * ao);
    c += key_colour * passed * wrap * (vec3(p1) * 0.55 + sqrt(a) * p2 * 0.5) + sky * ao * 0.02 * gloss * pow(max(sv, 0.0), 8.0);
    float rim = pow(1.0 - abs(dot(out_, v)), 3.0);
    c += rim_colour * (0.08 + a * 1.2) * rim * 0.5 * clamp(dot(out_, rim_direction) + 0.3, 0.0, 1.0);
  }
  shade = vec4(tone(c), alpha);
  P += o * sd * width * 0.75;  // wider than the strand: its borders fade out
  gl_Position = place(P);
  gl_Position.z -= lead * gl_Position.w;  // lashes and brows are not lost in the skin they grow on
}
