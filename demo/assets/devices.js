// Camera and clipboard, which a browser lends only to pages that came over https or from its own
// machine, and only when it is allowed to. Why one of them does not work is said below the picture
// whose button was pressed, and copying takes the old way where the new one is missing.
() => {
  const CAMERA = "Capture from camera", CLIPBOARD = "Paste from clipboard";
  const texts = TEXTS;
  let pressed = null; // the picture input whose button was pressed last

  const say = (key) => {
    const words = texts[document.documentElement.lang.slice(0, 2)] ?? texts.en;
    const line = pressed && document.querySelector(`#${pressed.id}-device span`);
    if (line) line.textContent = key ? words[key] : "";
  };

  // The page has the word before Gradio: what cannot work does not take the place of the upload.
  document.addEventListener("click", (event) => {
    pressed = event.target.closest?.(".picture-input");
    say("");
    const button = event.target.closest?.(".source-selection button");
    if (!pressed || !button) return;
    const name = button.dataset.name ?? button.getAttribute("aria-label");
    const needs = { [CAMERA]: navigator.mediaDevices?.getUserMedia, [CLIPBOARD]: navigator.clipboard?.read };
    if (!(name in needs) || needs[name]) return;
    event.stopImmediatePropagation();
    const device = name === CAMERA ? "camera" : "clipboard";
    say(`${device}_${isSecureContext ? "unknown" : "insecure"}`);
  }, true);

  // Calls a method as before and says why it failed.
  const watch = (owner, method, check, reasons) => {
    if (!owner?.[method]) return;
    const call = owner[method].bind(owner);
    owner[method] = async (...values) => {
      const result = await call(...values).catch((error) => {
        say(reasons[error.name] ?? reasons.other);
        throw error;
      });
      check(result);
      return result;
    };
  };
  watch(navigator.mediaDevices, "getUserMedia", () => {}, {
    NotAllowedError: "camera_refused", NotFoundError: "camera_missing", other: "camera_fails",
  });
  watch(navigator.clipboard, "read", (items) => {
    const pictures = items.some((item) => item.types.some((type) => type.startsWith("image/")));
    if (!pictures) say("clipboard_empty");
  }, { other: "clipboard_refused" });

  if (navigator.clipboard) return;
  const writeText = async (words) => {
    const field = document.createElement("textarea");
    field.value = words;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    if (!done) throw new DOMException("not copied", "NotAllowedError");
  };
  Object.defineProperty(navigator, "clipboard", { value: { writeText } });
}
