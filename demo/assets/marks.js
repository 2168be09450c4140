// Marks on a photo: found faces to choose among, and four points to set, to drag or to move with
// the arrow keys. Runs as `js_on_load` of a gr.HTML whose value is null or
//   {key, width, height, faces: [{box, points}], choice, points}
// in pixels of the photo. `choice` is the index of a face, "square", "points" or "whole".
// `props.texts` holds the words by language and key.

const STEPS = ["eye_left", "eye_right", "mouth_left", "mouth_right"];
const PLACES = [[0.38, 0.42], [0.62, 0.42], [0.41, 0.66], [0.59, 0.66]]; // of four points at once
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STRIDE = 10; // [px on the screen] of an arrow key with Shift; 1 without
const REST = 500; // [ms] after the last arrow key until the server hears of it
const SIZE = { dot: 5, smallDot: 2.5, touch: 14, badge: 11, text: 13 }; // [px] on the screen
const DOT_SHARE = 0.1; // radius of a dot on a small face, in distances between the eyes

let dragged = null; // index of the point under the pointer
let moved = false;
let resting = null; // timer that runs after an arrow key

const words = (key) => (props.texts[document.documentElement.lang.slice(0, 2)] ?? props.texts.en)[key];
const onScreen = () => {
  const overlay = element.querySelector(".overlay"), { width, height } = props.value;
  return Math.min(overlay.clientWidth / width, overlay.clientHeight / height) || 1;
};

function inside([x, y]) {
  const { width, height } = props.value;
  return [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
}

function svgPoint(event) {
  const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(
    element.querySelector("svg").getScreenCTM().inverse(),
  );
  return inside([x, y]);
}

function shownPoints() {
  const { choice, faces, points } = props.value;
  if (choice === "points") return points;
  return typeof choice === "number" ? faces[choice].points : [];
}

function change(changes, tell) {
  props.value = { ...props.value, ...changes };
  draw();
  if (tell) trigger("input");
}

function choose(choice) {
  if (choice === props.value.choice) return;
  if (choice === "points") change({ choice, points: [] }, false);
  else change({ choice }, true);
}

function chip(choice, text, title) {
  const chosen = choice === props.value.choice;
  return `<button role="radio" aria-checked="${chosen}" tabindex="${chosen ? 0 : -1}"
    data-choice="${choice}" title="${words(title)}">${text}</button>`;
}

function drawing(unit) {
  const { width, height, faces, choice } = props.value;
  const boxes = faces.map(({ box: [left, top, right, bottom] }, index) => {
    const badge = SIZE.badge * unit;
    const x = Math.max(left, badge), y = Math.max(top, badge);
    return `<g class="face ${index === choice ? "chosen" : ""}" data-choice="${index}" aria-hidden="true">
      <rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}"
        rx="${6 * unit}"/>
      <circle cx="${x}" cy="${y}" r="${badge}"/>
      <text x="${x}" y="${y}" font-size="${SIZE.text * unit}">${index + 1}</text></g>`;
  });
  const points = shownPoints();
  const eyes = points.length > 1
    ? Math.hypot(points[1][0] - points[0][0], points[1][1] - points[0][1]) / unit : Infinity;
  const radius = Math.max(SIZE.smallDot, Math.min(SIZE.dot, DOT_SHARE * eyes)) * unit;
  const dots = points.map(
    ([x, y], index) => `<g class="dot" data-dot="${index}" tabindex="0" role="button"
      aria-label="${words(STEPS[index])}: ${words("move")}">
      <circle class="touch" cx="${x}" cy="${y}" r="${SIZE.touch * unit}"/>
      <circle cx="${x}" cy="${y}" r="${radius}"/></g>`,
  );
  return `<svg viewBox="0 0 ${width} ${height}" role="group"
    aria-label="${words("which")}">
    ${choice === "points" || choice === "whole" ? "" : boxes.join("")}${dots.join("")}</svg>`;
}

function chips() {
  const { width, height, faces, square } = props.value;
  const all = faces.map((_, index) => chip(index, `${words("face")} ${index + 1}`, "take_face"));
  if (square) all.push(chip("square", words("centre"), "take_centre"));
  all.push(chip("points", words("by_hand"), "take_points"));
  if (width === height) all.push(chip("whole", words("aligned"), "take_whole"));
  return all.join("");
}

function hint() {
  const { faces, choice, points, square } = props.value;
  if (choice === "points" && points.length < STEPS.length) {
    const lead = !faces.length && !square && !points.length ? `${words("unfound")} ` : "";
    const step = `${points.length + 1} ${words("of")} ${STEPS.length}`;
    return `${lead}<b>${step}:</b> ${words("click")} ${words(STEPS[points.length])}`;
  }
  if (choice === "square") return words("centre_taken");
  if (choice === "whole") return words("whole_taken");
  return words(faces.length > 1 && choice !== "points" ? "other_face" : "correct");
}

// The bar's elements stay: the focus is in them, and screen readers watch the hint.
function drawBar() {
  const { choice, points } = props.value;
  const [radios, status, place, undo] =
    ["chips", "hint", "place", "undo"].map((name) => element.querySelector(`.${name}`));
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const lost = (focused === undo && !points.length) || focused === place;
  const name = lost ? "points" : focused?.dataset.choice;
  radios.innerHTML = chips();
  const line = hint();
  if (status.innerHTML !== line) status.innerHTML = line;
  place.hidden = choice !== "points" || points.length > 0;
  undo.hidden = choice !== "points" || !points.length;
  if (name) radios.querySelector(`[data-choice="${name}"]`)?.focus({ preventScroll: true });
}

function draw() {
  element.dataset.marking = props.value?.choice === "points";
  const style = element.closest(".photo").style;
  style.setProperty("--aspect", props.value ? props.value.width / props.value.height : "");
  if (!props.value) {
    element.innerHTML = "";
    return;
  }
  if (!element.querySelector(".overlay")) {
    element.innerHTML = `<div class="overlay"></div><div class="bar">
      <div class="chips" role="radiogroup" aria-label="${words("which")}"></div>
      <div class="said"><p class="hint" role="status"></p>
        <button class="place" title="${words("place_title")}">${words("place")}</button>
        <button class="undo" data-undo title="${words("undo_title")}">${words("undo")}</button>
      </div></div>`;
    sizes.observe(element.querySelector(".overlay"));
  }
  const overlay = element.querySelector(".overlay");
  const dot = document.activeElement?.dataset.dot;
  const refocus = overlay.contains(document.activeElement);
  overlay.innerHTML = drawing(1 / onScreen());
  if (refocus) focusDot(dot);
  drawBar();
}

function focusDot(index) {
  element.querySelector(`[data-dot="${index}"]`)?.focus({ preventScroll: true });
}

const sizes = new ResizeObserver(() => props.value && dragged === null && draw());

// A finger on a dot drags it, and elsewhere scrolls the page: `touch-action` cannot tell them apart,
// because it has no effect on the parts of an svg.
element.addEventListener("touchstart", (event) => {
  if (event.target.closest("[data-dot]")) event.preventDefault();
}, { passive: false });

element.addEventListener("pointerdown", (event) => {
  moved = false;
  const dot = event.target.closest("[data-dot]");
  if (!dot || !event.isPrimary) return;
  event.preventDefault();
  dragged = Number(dot.dataset.dot);
  element.setPointerCapture(event.pointerId);
});

element.addEventListener("pointermove", (event) => {
  if (dragged === null) return;
  const points = shownPoints().map((point) => [...point]);
  points[dragged] = svgPoint(event);
  moved = true;
  change({ choice: "points", points }, false);
});

function drop() {
  if (dragged === null) return;
  dragged = null;
  if (moved) change({}, props.value.points.length === STEPS.length);
}

element.addEventListener("pointerup", drop);
element.addEventListener("pointercancel", drop);

element.addEventListener("click", (event) => {
  if (!props.value || moved) {
    moved = false;
    return;
  }
  const { choice, points } = props.value;
  const chosen = event.target.closest("[data-choice]")?.dataset.choice;
  if (chosen !== undefined) choose(/^\d+$/.test(chosen) ? Number(chosen) : chosen);
  else if (event.target.closest("[data-undo]")) change({ points: points.slice(0, -1) }, false);
  else if (event.target.closest(".place")) placeAll();
  else if (event.target.closest("svg") && choice === "points" && points.length < STEPS.length) {
    const next = [...points, svgPoint(event)];
    change({ points: next }, next.length === STEPS.length);
  }
});

function placeAll() {
  const { width, height } = props.value;
  const side = Math.min(width, height);
  const at = ([x, y]) => [width / 2 + (x - 0.5) * side, height / 2 + (y - 0.5) * side];
  change({ choice: "points", points: PLACES.map(at) }, true);
  focusDot(0);
}

element.addEventListener("keydown", (event) => {
  const step = KEYS[event.key];
  if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
  const dot = event.target.closest("[data-dot]"), chip = event.target.closest("[role=radio]");
  if (!dot && !chip) return;
  event.preventDefault();
  if (chip) {
    const all = [...element.querySelectorAll("[role=radio]")];
    const next = all.at((all.indexOf(chip) + step[0] + step[1]) % all.length);
    next.focus({ preventScroll: true });
    next.click();
    return;
  }
  const far = (event.shiftKey ? STRIDE : 1) / onScreen();
  const points = shownPoints().map((point) => [...point]), index = Number(dot.dataset.dot);
  points[index] = inside(points[index].map((value, axis) => value + step[axis] * far));
  change({ choice: "points", points }, false);
  clearTimeout(resting);
  resting = setTimeout(() => {
    if (props.value?.points.length === STEPS.length) trigger("input");
  }, REST);
});

watch("value", () => {
  draw();
  trigger("input"); // new marks from the server count as a choice, too
});
draw();
