// A button for other sites, which opens the page in a frame:
//   <script src="https://voice.example.com/embed.js" async data-label="Talk to us" data-lang="en" data-position="right"></script>
// It changes nothing of the site but for one element at the end of its body.

import { putButton } from './button';

const script = document.currentScript;
if (script instanceof HTMLScriptElement) {
  const { label, lang, position } = script.dataset;
  const page = new URL('.', script.src);
  page.searchParams.set('embedded', '1');
  if (lang) page.searchParams.set('lang', lang);
  const put = () => putButton({ page, label: label || 'Talk to us', position: position === 'left' ? 'left' : 'right' });
  if (document.body) put();
  else document.addEventListener('DOMContentLoaded', put, { once: true });
}
