// Runs once when the page is there, for what screen readers are told: a picture in a tile is named
// by the caption above it, a place without a picture has a role, and what Gradio names in English
// only is named in the reader's language.
() => {
  const texts = TEXTS, language = document.documentElement.lang.slice(0, 2);
  const keys = Object.keys(language in texts ? texts[language] : {});
  const names = new Map(keys.map((key) => [texts.en[key], texts[language][key]]));
  const caption = (image) => {
    const words = image.closest(".tile")?.querySelector(".caption");
    if (words) image.alt = words.textContent.trim();
  };
  const rename = (element) => {
    for (const attribute of ["aria-label", "title"]) {
      const english = element.getAttribute(attribute);
      if (!names.has(english)) continue;
      element.dataset.name = english; // devices.js and the style sheet know it by this
      element.setAttribute(attribute, names.get(english));
    }
  };
  const reword = (element) => {
    for (const words of element.childNodes) {
      const own = words.nodeType === Node.TEXT_NODE && names.get(words.nodeValue.trim());
      if (own) words.nodeValue = ` ${own} `;
    }
  };
  const look = () => {
    document.querySelectorAll(".tile img").forEach(caption);
    document.querySelectorAll(".empty[aria-label]").forEach((empty) => {
      empty.setAttribute("role", "img");
    });
    document.querySelectorAll("[aria-label], [title]").forEach(rename);
    document.querySelectorAll(".picture-input .wrap, footer button").forEach(reword);
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  look();
}
