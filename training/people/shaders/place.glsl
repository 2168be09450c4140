#version 330
// Where points of the head frame come to lie, in the picture or in the key light's shadow map.
uniform vec4 frame; uniform vec2 frame_offset; uniform float distance_; uniform vec3 pivot;
uniform mat3 head_turn; uniform mat3 body_turn; uniform mat4 light_view; uniform int to_light;

mat3 turned(float share) { return body_turn * (1.0 - share) + head_turn * share; }

vec4 project(vec3 p) {
  float w = p.y + distance_;
  vec2 q = vec2(p.x, p.z);
  q = vec2(dot(frame.xy, q), dot(frame.zw, q)) + frame_offset * w;
  return vec4(q, (w - distance_) * 2.5 * w, w);
}

vec4 place(vec3 p) { return to_light == 1 ? light_view * vec4(p, 1) : project(p); }
