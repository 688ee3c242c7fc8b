import { textOn } from '../theme';
import style from './style.css';

interface Options {
  /** The page, as it is shown in a frame. */
  page: URL;
  label: string;
  position: 'left' | 'right';
  /** Such as `#1f7a54`; else the page's own. */
  color: string | undefined;
}

const ICON = 'M5 11v2M9 7v10M13 4v16M17 8v8M21 11v2';

/** In a shadow tree, so that neither style reaches the other. */
export function putButton({ page, label, position, color }: Options): void {
  const host = document.createElement('postcall-button');
  const root = host.attachShadow({ mode: 'open' });
  addStyle(root);

  const button = make('button', { type: 'button', 'aria-expanded': 'false', 'data-position': position });
  button.append(icon(), label);
  if (color !== undefined) {
    button.style.setProperty('--color', color);
    button.style.setProperty('--text', textOn(color));
  }
  const panel = make('div', { role: 'dialog', 'aria-label': label, 'data-position': position });
  panel.hidden = true;
  root.append(panel, button);
  document.body.append(host);

  let frame: HTMLIFrameElement | undefined;
  const show = (shown: boolean): void => {
    panel.hidden = !shown;
    button.setAttribute('aria-expanded', String(shown));
  };
  // Hidden is not closed: a call goes on.
  button.addEventListener('click', () => {
    if (!frame) {
      frame = make('iframe', {
        src: page.href,
        title: label,
        allow: 'microphone; autoplay; clipboard-write; screen-wake-lock',
      });
      panel.append(frame);
    }
    const opens = panel.hidden === true;
    show(opens);
    if (opens) frame.focus();
  });
  window.addEventListener('message', ({ origin, source, data }: MessageEvent<{ type?: unknown } | null>) => {
    if (!frame || origin !== page.origin || source !== frame.contentWindow) return;
    if (data?.type !== 'postcall:hide' && data?.type !== 'postcall:close') return;
    if (data.type === 'postcall:close') {
      frame.remove();
      frame = undefined;
    }
    show(false);
    button.focus();
  });
  window.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape' && !panel.hidden) show(false);
  });
}

/** Not by an element, which a policy of the site may refuse, but where the browser (Safari before 16.4) has nothing else. */
function addStyle(root: ShadowRoot): void {
  if (!('replaceSync' in CSSStyleSheet.prototype)) {
    root.append(Object.assign(document.createElement('style'), { textContent: style }));
    return;
  }
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet];
}

function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Record<string, string>,
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  Object.entries(attributes).forEach(([attribute, value]) => element.setAttribute(attribute, value));
  return element;
}

function icon(): SVGElement {
  const [svg, path] = ['svg', 'path'].map((name) => document.createElementNS('http://www.w3.org/2000/svg', name)) as [
    SVGElement,
    SVGElement,
  ];
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', ICON);
  svg.append(path);
  return svg;
}
