// Shows the page once it is known how it has to look.

import { render } from 'preact';
import { loadConfiguration } from './configuration';
import { obstacle } from './obstacle';
import { storedEmail, storedTheme } from './storage';
import { chooseLanguage, textsOf } from './texts';
import { applyColors, applyTheme } from './theme';
import { App } from './views/app';

applyTheme(storedTheme());
const { search } = window.location;
const language = chooseLanguage(search, navigator.languages);
const configuration = await loadConfiguration();
const texts = textsOf(language, configuration.texts);
const page = { configuration, texts, embedded: new URLSearchParams(search).get('embedded') === '1' };

document.documentElement.lang = language;
document.title = `${texts('page.title')} – ${configuration.name}`;
if (configuration.colors) applyColors(configuration.colors);

const container = document.getElementById('page');
if (!container) throw new Error('the page has no #page');
// The form is there before the script: what was typed by then stays.
const field = document.querySelector<HTMLInputElement>('#email');
const typed = field?.value || storedEmail();
render(<App page={page} typed={typed} obstacle={obstacle()} loaded />, container);
document.documentElement.dataset['loaded'] = 'true';
// Last: whatever goes wrong before this leaves the visitor the words that say so.
document.getElementById('not-loaded')?.remove();
