// Runs once when the page is there, for what screen readers are told: a picture in a tile is named
// by the caption above it, in the reader's language, and a place without a picture has a role.
() => {
  const name = (image) => {
    const caption = image.closest(".tile")?.querySelector(".caption");
    if (caption) image.alt = caption.textContent.trim();
  };
  const look = () => {
    document.querySelectorAll(".tile img").forEach(name);
    document.querySelectorAll(".empty[aria-label]").forEach((empty) => {
      empty.setAttribute("role", "img");
    });
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  look();
}
