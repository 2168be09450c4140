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

function bar() {
  const { faces, choice, points, square } = props.value;
  const chips = faces.map((_, index) => chip(index, `Face ${index + 1}`, "Take this face"));
  if (square) chips.push(chip("square", "Centre", "Take the centred square"));
  chips.push(chip("points", "Mark by hand", "Click the eyes and the corners of the mouth"));
  chips.push(chip("whole", "Already aligned", "Take the whole picture"));
  let hint = "";
  if (choice === "points" && points.length < STEPS.length) {
    const lead = faces.length || square ? "" : "No face was found: mark it. ";
    hint = `${lead}<b>${points.length + 1} of 4:</b> click ${STEPS[points.length]}`;
  } else if (choice === "square") {
    hint = "No face was found: the centred square is taken.";
  } else if (choice === "whole") {
    hint = "The picture is taken as it is; it must be square.";
  } else {
    hint = faces.length > 1 && choice !== "points"
      ? "Click another face to take it; drag a dot to correct it."
      : "Drag a dot to correct it.";
  }
  const undo = choice === "points" && points.length
    ? `<button data-undo title="Take the last point back">Undo</button>` : "";
  return `<div class="chips" role="radiogroup" aria-label="Which face">${chips.join("")}</div>
    <p class="hint" role="status">${hint} ${undo}</p>`;
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
    element.innerHTML = `<div class="overlay"></div><div class="bar"></div>`;
    sizes.observe(element.querySelector(".overlay"));
  }
  const overlay = element.querySelector(".overlay");
  const { width, height } = props.value;
  const scale = Math.min(overlay.clientWidth / width, overlay.clientHeight / height) || 1;
  overlay.innerHTML = drawing(1 / scale);
  element.querySelector(".bar").innerHTML = bar();
}

const sizes = new ResizeObserver(() => props.value && dragged === null && draw());

element.addEventListener("pointerdown", (event) => {
  const dot = event.target.closest("[data-dot]");
  if (!dot || !event.isPrimary) return;
  event.preventDefault();
  dragged = Number(dot.dataset.dot);
  moved = false;
  element.setPointerCapture(event.pointerId);
});

element.addEventListener("pointermove", (event) => {
  if (dragged === null) return;
  const points = shownPoints().map((point) => [...point]);
  points[dragged] = svgPoint(event);
  moved = true;
  change({ choice: "points", points }, false);
});

element.addEventListener("pointerup", () => {
  if (dragged === null) return;
  dragged = null;
  if (moved) change({}, props.value.points.length === STEPS.length);
});

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
