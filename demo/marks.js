// Marks on a photo: found faces to choose among, and four points to set or to drag.
// Runs as `js_on_load` of a gr.HTML whose value is null or
//   {key, width, height, faces: [{box, points}], choice, points}
// in pixels of the photo. `choice` is the index of a face, "square", "points" or "whole".

const STEPS = [
  "the eye on the left",
  "the eye on the right",
  "the left corner of the mouth",
  "the right corner of the mouth",
];
const SIZE = { dot: 5, smallDot: 2.5, touch: 14, badge: 11, text: 13 }; // [px] on the screen
const DOT_SHARE = 0.1; // radius of a dot on a small face, in distances between the eyes

let dragged = null; // index of the point under the pointer
let moved = false;

function svgPoint(event) {
  const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(
    element.querySelector("svg").getScreenCTM().inverse(),
  );
  const { width, height } = props.value;
  return [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
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
  return `<button role="radio" aria-checked="${chosen}" data-choice="${choice}" title="${title}">
    ${text}</button>`;
}

function drawing(unit) {
  const { width, height, faces, choice } = props.value;
  const boxes = faces.map(({ box: [left, top, right, bottom] }, index) => {
    const badge = SIZE.badge * unit;
    const x = Math.max(left, badge), y = Math.max(top, badge);
    return `<g class="face ${index === choice ? "chosen" : ""}" data-choice="${index}">
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
    ([x, y], index) => `<g class="dot" data-dot="${index}">
      <circle class="touch" cx="${x}" cy="${y}" r="${SIZE.touch * unit}"/>
      <circle cx="${x}" cy="${y}" r="${radius}"/></g>`,
  );
  return `<svg viewBox="0 0 ${width} ${height}" aria-hidden="true">
    ${choice === "points" || choice === "whole" ? "" : boxes.join("")}${dots.join("")}</svg>`;
}

function chips() {
  const { width, height, faces, square } = props.value;
  const all = faces.map((_, index) => chip(index, `Face ${index + 1}`, "Take this face"));
  if (square) all.push(chip("square", "Centre", "Take the centred square"));
  all.push(chip("points", "Mark by hand", "Click the eyes and the corners of the mouth"));
  if (width === height) all.push(chip("whole", "Already aligned", "Take the whole picture"));
  return all.join("");
}

function hint() {
  const { faces, choice, points, square } = props.value;
  if (choice === "points" && points.length < STEPS.length) {
    const unfound = !faces.length && !square && !points.length;
    const lead = unfound ? "No face was found: mark it. " : "";
    return `${lead}<b>${points.length + 1} of 4:</b> click ${STEPS[points.length]}`;
  }
  if (choice === "square") return "No face was found: the centred square is taken.";
  if (choice === "whole") return "The picture is taken as it is.";
  return faces.length > 1 && choice !== "points"
    ? "Click another face to take it; drag a dot to correct it."
    : "Drag a dot to correct it.";
}

// The bar's elements stay: the focus is in them, and screen readers watch the hint.
function drawBar() {
  const { choice, points } = props.value;
  const [radios, status, undo] = element.querySelectorAll(".chips, .hint, [data-undo]");
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const name = focused === undo && !points.length ? "points" : focused?.dataset.choice;
  radios.innerHTML = chips();
  const words = hint();
  if (status.innerHTML !== words) status.innerHTML = words;
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
      <div class="chips" role="radiogroup" aria-label="Which face"></div>
      <div class="said"><p class="hint" role="status"></p>
        <button data-undo title="Take the last point back">Undo</button></div></div>`;
    sizes.observe(element.querySelector(".overlay"));
  }
  const overlay = element.querySelector(".overlay");
  const { width, height } = props.value;
  const scale = Math.min(overlay.clientWidth / width, overlay.clientHeight / height) || 1;
  overlay.innerHTML = drawing(1 / scale);
  drawBar();
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
  else if (event.target.closest("svg") && choice === "points" && points.length < STEPS.length) {
    const next = [...points, svgPoint(event)];
    change({ points: next }, next.length === STEPS.length);
  }
});

watch("value", () => {
  draw();
  trigger("input"); // new marks from the server count as a choice, too
});
draw();
