// Runs once when the page is there: every picture in a tile is named by the caption above it, in
// the reader's language.
() => {
  const name = (image) => {
    const caption = image.closest?.(".tile")?.querySelector(".caption");
    if (caption) image.alt = caption.innerText.trim();
  };
  document.addEventListener("load", (event) => {
    if (event.target.tagName === "IMG") name(event.target);
  }, true);
  document.querySelectorAll(".tile img").forEach(name);
}
