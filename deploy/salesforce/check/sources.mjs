// What the sources of the sink and the personas say.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const SINK = 'sink-salesforce';
const PERSONAS = 'agent/personas';

/** {selects: object → fields, writes, personObject, staleMarker, apiVersion, tiers} */
export function readSink(repository) {
  const text = readCode(join(repository, SINK, 'src'));
  const settings = readFolder(join(repository, SINK), '.toml').join('\n');
  const find = (pattern) => {
    const matches = [...text.matchAll(pattern)];
    if (matches.length === 0) throw new Error(`the check does not find ${pattern} here any more`);
    return matches;
  };
  const selects = {};
  for (const { 1: fields, 2: object, index } of find(/SELECT ([^"]*?) FROM (\w+)/g)) {
    const named = fields.replace(/\{(\w+)\}/g, (_, name) => textsOf(name, text.slice(0, index))).split(/,\s*/);
    selects[object] = [...new Set([...(selects[object] ?? []), ...named.filter((name) => name !== '')])];
  }
  const writes = [...`${text}\n${settings}`.matchAll(/"(\w+__c)"/g)].map((match) => match[1]);
  if (writes.length === 0) throw new Error('the check does not find the custom fields here any more');
  const tiers = readFolder(join(repository, PERSONAS), '.toml').flatMap(tiersIn);
  if (tiers.length === 0) throw new Error(`the check does not find the tiers of ${PERSONAS} any more`);
  return {
    selects,
    writes: [...new Set(writes)],
    personObject: find(/PersonAccount => "(\w+)"/g)[0][1],
    staleMarker: find(/STALE_MARKER: &str = "(\w+)"/g)[0][1],
    apiVersion: find(/"SALESFORCE_API_VERSION", default_value = "v([\d.]+)"/g)[0][1],
    tiers,
  };
}

function readFolder(folder, suffix) {
  const files = readdirSync(folder).filter((file) => file.endsWith(suffix));
  return files.map((file) => readFileSync(join(folder, file), 'utf8'));
}

/** All modules but those of tests and fuzzing, without comments, and with the strings that go over several lines in one. */
function readCode(folder) {
  const files = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith('.rs'));
  const sources = files.map((file) => [file, readFileSync(join(folder, file), 'utf8')]);
  const modules = sources.flatMap(([, source]) => [...source.matchAll(/#\[cfg\((?:test|any\(test, fuzzing\))\)\]\s+(?:pub )?mod (\w+);/g)]);
  const ofTests = modules.map((match) => match[1]);
  return sources
    .filter(([file]) => !file.split(/[/.]/).some((part) => ofTests.includes(part)))
    .map(([, source]) => source.split(/#\[cfg\(test\)\]\s+mod \w+ \{/)[0])
    .map((code) => code.replace(/^\s*\/\/.*$/gm, '').replace(/\\\n\s*/g, ''))
    .join('\n');
}

/** The texts that a variable can have, by the last `let` of that name; none where they are not written there. */
function textsOf(name, code) {
  const assigned = [...code.matchAll(new RegExp(`let ${name} = ([^;]*);`, 'g'))].at(-1)?.[1] ?? '';
  return [...assigned.matchAll(/"([^"]*)"/g)].map((match) => match[1]).join('');
}

function tiersIn(persona) {
  const qualification = persona.match(/^\[qualification\]\n[^]*/m)?.[0] ?? '';
  return [...qualification.matchAll(/^(?:tier|default) = "([^"]*)"/gm)].map((match) => match[1]);
}
