// What the sources of the sink and the personas say, and whether the metadata says the same.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { evaluate } from './formula.mjs';
import { problem, readSettings } from './project.mjs';
import { forPrograms } from './rights.mjs';
import { STANDARD } from './standard.mjs';
import { children, descendants, value } from './xml.mjs';

const SOURCES = 'sink-salesforce/src';
const PERSONAS = 'agent/personas';

export function problemsWithSink(repository, components) {
  let sink;
  try {
    sink = readSink(repository);
  } catch (error) {
    return [error.message];
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

/** {selects: object → fields, writes, longestText, staleMarker, apiVersion, tiers} */
function readSink(repository) {
  const read = (folder, file) => readFileSync(join(repository, folder, file), 'utf8');
  const find = (file, pattern) => {
    const match = read(SOURCES, file).match(pattern);
    if (!match) throw new Error(`${SOURCES}/${file}:1: the check does not find ${pattern} here any more`);
    return match[1];
  };
  const statement = (name) => find('records.rs', new RegExp(`const ${name}: &str = "([^"]*)"`)).replace(/\\\n\s*/g, '');
  const selects = ['LEADS_BY_EMAIL', 'CONTACTS_BY_ID'].map((name) => {
    const [, fields, object] = statement(name).match(/^SELECT (.*) FROM (\w+) WHERE/);
    return [object, fields.split(/,\s*/)];
  });
  const row = find('client.rs', /struct Row<'a> \{([^}]*)\}/);
  return {
    selects: Object.fromEntries(selects),
    writes: [...row.matchAll(/rename = "(\w+)"/g)].map((match) => match[1]),
    longestText: find('voice.rs', /const LONGEST_TEXT: usize = (\d+);/),
    staleMarker: find('row_error.rs', /const STALE_MARKER: &str = "(\w+)";/),
    apiVersion: find('config.rs', /SALESFORCE_API_VERSION", default_value = "v([\d.]+)"/),
    tiers: readdirSync(join(repository, PERSONAS))
      .filter((file) => file.endsWith('.toml'))
      .flatMap((file) => tiersIn(read(PERSONAS, file))),
  };
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
  const standard = STANDARD[object];
  const guarded = selected.filter((field) => field.endsWith('__c') || standard.guarded.includes(field));
  return [
    ...selected
      .filter((field) => !field.endsWith('__c') && !standard.fields.includes(field))
      .map((field) => `${SOURCES}/records.rs:1: selects ${object}.${field}, which this check does not know`),
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

function problemsOfField(components, object, name, { longestText, tiers }) {
  const field = components.find(
    (component) => component.type === 'CustomField' && component.name === name && component.object === object,
  );
  if (!field) return [`${SOURCES}/client.rs:1: writes ${object}.${name}, which the metadata does not have`];
  const says = (text) => [problem(field, field.root, text)];
  switch (value(field.root, 'type')) {
    case 'Text':
      return value(field.root, 'length') === longestText
        ? []
        : says(`the sink cuts texts to ${longestText} characters, this holds ${value(field.root, 'length')}`);
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
    return [
      `${SOURCES}/row_error.rs:1: ${marked.length} active rules of ${object} have a message that begins with ${staleMarker}`,
    ];
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
