// What the sources of the sink and the personas say, and whether the metadata says the same.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { evaluate } from './formula.mjs';
import { problem, readSettings } from './project.mjs';
import { forPrograms } from './rights.mjs';
import { STANDARD } from './standard.mjs';
import { children, descendants, value } from './xml.mjs';

const SINK = 'sink-salesforce';
const PERSONAS = 'agent/personas';
/** The most that a Text field holds. Names of sessions can be long. */
const TEXT_LENGTH = '255';

export function problemsWithSink(repository, components) {
  let sink;
  try {
    sink = readSink(repository);
  } catch (error) {
    return [`${SINK}/src:1: ${error.message}`];
  }
  const sets = forPrograms(components);
  if (sets.length !== 1) return [`${sets.length} permission sets enable the API; there is one, for the integration user`];
  return [
    ...problemsOfVersion(repository, sink),
    ...Object.entries(sink.selects).flatMap(([object, selected]) => [
      ...problemsOfAccess(sets[0], object, selected, sink.writes),
      ...sink.writes.flatMap((field) => problemsOfField(components, object, field, sink)),
      ...problemsOfRule(components, object, sink),
    ]),
  ];
}

/** {selects: object → fields, writes, staleMarker, apiVersion, tiers} */
function readSink(repository) {
  const text = readFolder(join(repository, SINK, 'src'), '.rs')
    .map(codeOf)
    .join('\n');
  const settings = readFolder(join(repository, SINK), '.toml').join('\n');
  const find = (pattern) => {
    const matches = [...text.matchAll(pattern)];
    if (matches.length === 0) throw new Error(`the check does not find ${pattern} here any more`);
    return matches;
  };
  const selects = {};
  for (const [, fields, object] of find(/SELECT ([^"]*?) FROM (\w+)/g)) {
    const names = fields.replace(/\{\w+\}/g, '').split(/,\s*/);
    selects[object] = [...new Set([...(selects[object] ?? []), ...names.filter((name) => name !== '')])];
  }
  const writes = [...`${text}\n${settings}`.matchAll(/"(\w+__c)"/g)].map((match) => match[1]);
  if (writes.length === 0) throw new Error('the check does not find the custom fields here any more');
  const tiers = readFolder(join(repository, PERSONAS), '.toml').flatMap(tiersIn);
  if (tiers.length === 0) throw new Error(`the check does not find the tiers of ${PERSONAS} any more`);
  return {
    selects,
    writes: [...new Set(writes)],
    staleMarker: find(/STALE_MARKER: &str = "(\w+)"/g)[0][1],
    apiVersion: find(/"SALESFORCE_API_VERSION", default_value = "v([\d.]+)"/g)[0][1],
    tiers,
  };
}

function readFolder(folder, suffix) {
  const files = readdirSync(folder).filter((file) => file.endsWith(suffix));
  return files.map((file) => readFileSync(join(folder, file), 'utf8'));
}

/** Without comments and tests, and with the strings that go over several lines in one. */
function codeOf(source) {
  const [code] = source.split('#[cfg(test)]');
  return code.replace(/^\s*\/\/.*$/gm, '').replace(/\\\n\s*/g, '');
}

function tiersIn(persona) {
  const qualification = persona.match(/^\[qualification\]\n[^]*/m)?.[0] ?? '';
  return [...qualification.matchAll(/^(?:tier|default) = "([^"]*)"/gm)].map((match) => match[1]);
}

function problemsOfVersion(repository, { apiVersion }) {
  const { sourceApiVersion } = readSettings(repository);
  if (sourceApiVersion === apiVersion) return [];
  return [`deploy/salesforce/sfdx-project.json:1: sourceApiVersion is ${sourceApiVersion}, the sink calls ${apiVersion}`];
}

/** The integration user reads what the sink selects, and edits what it writes. */
function problemsOfAccess(set, object, selected, writes) {
  const right = (list, key, name, right) =>
    children(set.root, list).some((element) => value(element, key) === name && value(element, right) === 'true');
  const says = (text) => problem(set, set.root, `the sink ${text}, and this set does not let it`);
  const standard = STANDARD[object] ?? { fields: [], guarded: [] };
  const guarded = selected.filter((field) => field.endsWith('__c') || standard.guarded.includes(field));
  return [
    ...selected
      .filter((field) => !field.endsWith('__c') && !standard.fields.includes(field))
      .map((field) => `${SINK}/src:1: selects ${object}.${field}, which this check does not know`),
    ...['allowRead', 'allowEdit', 'viewAllRecords']
      .filter((name) => !right('objectPermissions', 'object', object, name))
      .map((name) => says(`needs ${name} of ${object}`)),
    ...guarded
      .filter((field) => !right('fieldPermissions', 'field', `${object}.${field}`, 'readable'))
      .map((field) => says(`reads ${object}.${field}`)),
    ...writes
      .filter((field) => !right('fieldPermissions', 'field', `${object}.${field}`, 'editable'))
      .map((field) => says(`writes ${object}.${field}`)),
  ];
}

function problemsOfField(components, object, name, { tiers }) {
  const field = components.find(
    (component) => component.type === 'CustomField' && component.name === name && component.object === object,
  );
  if (!field) return [`${SINK}:1: writes ${object}.${name}, which the metadata does not have`];
  const says = (text) => [problem(field, field.root, text)];
  switch (value(field.root, 'type')) {
    case 'Text':
      return value(field.root, 'length') === TEXT_LENGTH ? [] : says(`holds fewer than ${TEXT_LENGTH} characters`);
    case 'Picklist': {
      const values = descendants(field.root, 'value').map((element) => value(element, 'fullName'));
      const missing = tiers.filter((tier) => !values.includes(tier));
      const restricted = descendants(field.root, 'restricted').some((element) => element.text === 'true');
      return missing
        .flatMap((tier) => says(`has no value ${tier}, which a persona gives`))
        .concat(restricted ? says('is restricted: a new tier would be refused') : []);
    }
    case 'DateTime':
      return [];
    default:
      return says(`is a ${value(field.root, 'type')}; the sink writes a Text, a DateTime or a Picklist`);
  }
}

/** A refusal is known as stale by the marker in the message of an active rule, and that rule refuses what is stale. */
function problemsOfRule(components, object, { staleMarker, writes }) {
  const rules = components.filter((component) => component.type === 'ValidationRule' && component.object === object);
  const marked = rules.filter(
    ({ root }) => value(root, 'active') === 'true' && value(root, 'errorMessage')?.startsWith(staleMarker),
  );
  if (marked.length !== 1)
    return [`${SINK}/src:1: ${marked.length} active rules of ${object} have a message that begins with ${staleMarker}`];
  const isTime = ({ type, name, root }) =>
    type === 'CustomField' && writes.includes(name) && value(root, 'type') === 'DateTime';
  const callDate = components.find((component) => component.object === object && isTime(component));
  const bypasses = components.filter(({ type }) => type === 'CustomPermission').map(({ name }) => `$Permission.${name}`);
  return callDate ? problemsOfDecisions(marked[0], callDate.name, bypasses) : [];
}

function problemsOfDecisions(rule, callDate, bypasses) {
  const [formula] = children(rule.root, 'errorConditionFormula');
  const decides = (what, before, after, bypass, refuses) => {
    const permissions = Object.fromEntries(bypasses.map((name) => [name, bypass]));
    const refused = evaluate(formula.text, { [callDate]: before }, { [callDate]: after, ...permissions });
    return refused === refuses ? [] : [problem(rule, formula, `${refuses ? 'lets pass' : 'refuses'} ${what}`)];
  };
  try {
    return [
      ...decides('an older call', 2, 1, false, true),
      ...decides('an older call from somebody who may correct', 2, 1, true, false),
      ...decides('a newer call', 1, 2, false, false),
      ...decides('the same call again', 2, 2, false, false),
      ...decides('a first call', null, 1, false, false),
    ];
  } catch (error) {
    return [problem(rule, formula, error.message)];
  }
}
