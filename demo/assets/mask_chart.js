// What the masks take, layer by layer, to be looked at and clicked. Runs as `js_on_load` of a
// gr.HTML whose value is null or
//   {groups: [{name, span, layers: [{name, network, edited, tenths, other, correlation}]}],
//    compared: {correlation, overlap} | null,
//    picked: "coarse" | "b8.conv0" | "b8.conv0/3" | null,
//    told: {channels, mask, peak} | null}
// The picked part is what a visitor sends. The words, by language and key, are put in by the
// server: other properties of a component are not there yet when its tab is opened by a link.

const texts = TEXTS;
const MOVES = { ArrowRight: 1, ArrowLeft: -1 };

const words = (key) => (texts[document.documentElement.lang.slice(0, 2)] ?? texts.en)[key];
const short = (value) => value.toFixed(2);
const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
const fill = (key, values) => words(key).replace(/\{(\w+)\}/g, (_, name) => values[name]);

function button(part, kind, label, inner, style = "") {
  const pressed = props.value.picked === part;
  return `<button type="button" class="${kind}" data-part="${part}" aria-pressed="${pressed}"
    aria-label="${label}" title="${label}" tabindex="-1" style="${style}">${inner}</button>`;
}

function row(layer, group) {
  const { name, network, edited, tenths, other, correlation } = layer;
  const figures = other === null ? short(edited)
    : `${short(edited)}<small>B ${short(other)} · r ${short(correlation)}</small>`;
  const bars = `<span class="track"><span class="network" style="width:${100 * network}%"></span>
    <span class="bar" style="width:${100 * Math.min(1, edited)}%"></span>
    ${other === null ? "" : `<span class="other" style="width:${100 * other}%"></span>`}</span>`;
  const label = fill("bar_label", { layer: name, mask: short(edited) });
  const cells = tenths.map((mask, index) => button(
    `${name}/${index + 1}`, "tenth",
    fill("tenth_label", { layer: name, number: index + 1, mask: short(mask) }), "",
    `--share:${Math.round(100 * Math.min(1, mask))}%`,
  ));
  return `<div class="row" data-group="${group}">
    ${button(name, "layer", label, `<code>${name}</code>${bars}<span class="mask">${figures}</span>`)}
    <div class="tenths">${cells.join("")}</div></div>`;
}

function told() {
  const { picked, told, compared } = props.value;
  const lines = [];
  if (compared) {
    lines.push(fill("compared", {
      correlation: short(compared.correlation), overlap: percent(compared.overlap),
    }));
  }
  if (picked && told) {
    const [name, tenth] = picked.split("/");
    const part = tenth ? fill("told_tenth", { layer: name, number: tenth })
      : words(`layers_${name}`) ?? name;
    lines.push(`<b>${part}</b>: ${fill("told", {
      channels: told.channels, mask: short(told.mask), peak: percent(told.peak),
    })}`);
  }
  return lines.map((line) => `<p>${line}</p>`).join("");
}

function draw() {
  if (!props.value) {
    element.innerHTML = "";
    return;
  }
  const focused = element.contains(document.activeElement)
    ? document.activeElement.dataset.part : null;
  const { groups, picked } = props.value;
  const parts = groups.map(({ name, span, layers }) => `
    <div class="head" data-group="${name}">
      ${button(name, "group", `${words(`layers_${name}`)}, ${span}`,
        `<b>${words(`layers_${name}`)}</b> ${span}`)}
      <span>${words(`about_${name}`)}</span></div>
    ${layers.map((layer) => row(layer, name)).join("")}`);
  element.innerHTML = `<div class="chart" role="group" aria-label="${words("chart")}">
    <div class="legend" aria-hidden="true"><span>${words("legend_bar")}</span>
      <span class="of-tenths">${words("legend_tenths")}</span></div>
    ${parts.join("")}</div><div class="told" role="status">${told()}</div>`;
  const all = [...element.querySelectorAll("button")];
  const current = all.find((one) => one.dataset.part === (focused ?? picked)) ?? all[0];
  if (!current) return;
  current.tabIndex = 0; // one stop of the Tab key; arrow keys go on from there
  if (focused) current.focus({ preventScroll: true });
}

element.addEventListener("click", (event) => {
  const part = event.target.closest("[data-part]")?.dataset.part;
  if (!part) return;
  const picked = part === props.value.picked ? null : part;
  props.value = { ...props.value, picked, told: null };
  draw();
  element.querySelector(`[data-part="${part}"]`)?.focus({ preventScroll: true });
  trigger("input");
});

element.addEventListener("keydown", (event) => {
  const here = event.target.closest("[data-part]");
  if (!here || event.altKey || event.ctrlKey || event.metaKey) return;
  const lines = [...element.querySelectorAll(".head, .row")]
    .map((line) => [...line.querySelectorAll("[data-part]")]);
  const at = lines.findIndex((line) => line.includes(here)), place = lines[at].indexOf(here);
  let next = null;
  if (event.key in MOVES) next = lines[at][place + MOVES[event.key]];
  else if (event.key === "ArrowDown") next = lines[at + 1]?.[Math.min(place, lines[at + 1].length - 1)];
  else if (event.key === "ArrowUp") next = lines[at - 1]?.[Math.min(place, lines[at - 1].length - 1)];
  else return;
  event.preventDefault();
  if (!next) return;
  here.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});

watch("value", draw);
draw();
