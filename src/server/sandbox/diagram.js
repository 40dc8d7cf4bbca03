// In the diagram's frame. The page sends {source, isDark}; it is answered {height}, in CSS pixels and again whenever
// it changes, or {error}, a text to be shown as one.

const place = document.querySelector('main');
let asker;
let asked = 0;
let told;

addEventListener('message', async ({ data, origin, source }) => {
  if (source !== parent) {
    return;
  }
  asker = origin;
  asked += 1;
  const mine = asked;
  try {
    const picture = await draw(data, `diagram-${mine}`);
    if (mine === asked) {
      place.innerHTML = picture;
      closeLinks();
      told = undefined;
      tellHeight();
    }
  } catch (error) {
    if (mine === asked) {
      tell({ error: String(error?.message ?? error) });
    }
  }
});

new ResizeObserver(tellHeight).observe(place);

/** The diagram as SVG. A directive in the source cannot take back what is in `secure`. */
async function draw({ source, isDark }, id) {
  document.documentElement.style.colorScheme = isDark ? 'dark' : 'light';
  mermaid.initialize({
    startOnLoad: false,
    securityLevel: 'strict',
    htmlLabels: false,
    flowchart: { htmlLabels: false },
    suppressErrorRendering: true,
    theme: isDark ? 'dark' : 'default',
    fontFamily: 'system-ui, sans-serif',
    secure: ['secure', 'securityLevel', 'startOnLoad', 'maxTextSize', 'maxEdges', 'suppressErrorRendering', 'htmlLabels'],
  });
  return (await mermaid.render(id, String(source))).svg;
}

/** A diagram's links lead nowhere: nobody sees where to, and a middle click leaves even a sandbox. */
function closeLinks() {
  for (const link of place.querySelectorAll('a')) {
    link.removeAttribute('href');
    link.removeAttribute('xlink:href');
  }
}

function tellHeight() {
  const height = Math.ceil(place.getBoundingClientRect().height);
  if (place.firstChild && height !== told) {
    told = height;
    tell({ height });
  }
}

function tell(message) {
  parent.postMessage(message, asker);
}
