// A button for other sites, which opens the page in a frame:
//   <script src="https://voice.example.com/embed.js" async></script>
// with data-label="Talk to us", data-lang="en", data-position="left" and data-color="#1f7a54" where it is to be otherwise.
// It changes nothing of the site but for one element at the end of its body.

import { putButton } from './button';

const script = document.currentScript;
if (script instanceof HTMLScriptElement) {
  const { label, lang, position, color } = script.dataset;
  const page = new URL('.', script.src);
  page.searchParams.set('embedded', '1');
  if (lang) page.searchParams.set('lang', lang);
  const options = {
    page,
    label: label || 'Talk to us',
    position: position === 'left' ? ('left' as const) : ('right' as const),
    color: /^#[0-9a-f]{6}$/i.test(color ?? '') ? color : undefined,
  };
  const put = () => putButton(options);
  if (document.body) put();
  else document.addEventListener('DOMContentLoaded', put, { once: true });
}
