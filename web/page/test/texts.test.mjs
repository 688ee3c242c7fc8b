import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { load } from './load.mjs';

const { chooseLanguage, textsOf } = await load('src/texts.ts');
const read = async (language) => JSON.parse(await readFile(new URL(`../texts/${language}.json`, import.meta.url), 'utf8'));
const [english, german] = await Promise.all(['en', 'de'].map(read));

test('all languages have the same texts, and the same placeholders in them', () => {
  assert.deepEqual(Object.keys(german), Object.keys(english));
  const placeholders = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const [key, text] of Object.entries(english)) {
    assert.deepEqual(placeholders(german[key]), placeholders(text), key);
    assert.ok(text.trim() !== '' && german[key].trim() !== '', key);
  }
});

test('no text is there that nothing shows', async () => {
  const { build } = await import('esbuild');
  const entryPoints = [new URL('../src/main.tsx', import.meta.url).pathname];
  const { outputFiles } = await build({
    entryPoints,
    bundle: true,
    write: false,
    format: 'esm',
    external: ['livekit-client', '../texts/*'],
  });
  const code = outputFiles[0].text;
  // Keys that are put together, such as `agent.${state}`, and where the words are listed that they are made of.
  const made = new Set();
  for (const [start, file, type] of [
    ['agent.', 'visit', 'AgentState'],
    ['quality.', 'visit', 'Quality'],
    ['end.', 'visit', 'EndReason'],
    ['session.', 'visit', 'Speaker'],
    ['session.', 'visit', 'Notice'],
    ['problem.', 'problem', 'ProblemCode'],
    ['email.', 'problem', 'FieldProblem'],
    ['email.', 'email', 'Problem'],
    ['page.colours.', 'storage', 'Theme'],
  ]) {
    assert.ok(code.includes(`\`${start}$`), start);
    for (const word of await words(file, type)) made.add(start + word);
  }
  // Of these two nothing is told.
  made.delete('agent.none');
  made.delete('email.empty');
  for (const key of Object.keys(english)) {
    assert.ok(code.includes(`"${key}"`) || made.has(key), key);
  }
});

/** The words of a union in the source. */
async function words(file, type) {
  const source = await readFile(new URL(`../src/${file}.ts`, import.meta.url), 'utf8');
  const [, union] = new RegExp(`export type ${type} =([^=]*?);\\n`).exec(source);
  return [...union.matchAll(/'([\w.]+)'/g)].map(([, word]) => word);
}

test('the address decides about the language, then the browser', () => {
  assert.equal(chooseLanguage('?lang=de', ['en']), 'de');
  assert.equal(chooseLanguage('?lang=de-AT', ['en']), 'de');
  assert.equal(chooseLanguage('?lang=fr', ['de-CH', 'en']), 'de');
  assert.equal(chooseLanguage('', ['fr', 'EN-us', 'de']), 'en');
  assert.equal(chooseLanguage('?lang=toString', []), 'en');
});

test('the configuration may say it otherwise', () => {
  const texts = textsOf('de', { en: { 'welcome.title': 'Hello' }, de: { 'welcome.consent': '{name} hört mit, {other}' } });
  assert.equal(texts('welcome.title'), german['welcome.title']);
  assert.equal(texts('welcome.consent', { name: 'Acme' }), 'Acme hört mit, {other}');
});
