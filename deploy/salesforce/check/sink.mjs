// Whether the metadata says the same as the sources of the sink and the personas.
import { evaluate } from './formula.mjs';
import { problem, readSettings } from './project.mjs';
import { forPrograms } from './rights.mjs';
import { SINK, readSink } from './sources.mjs';
import { STANDARD, personField } from './standard.mjs';
import { children, descendants, value } from './xml.mjs';

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
      ...problemsOfRule(components, object, callDateOf(components, object, sink), sink),
    ]),
    ...problemsOfPersonAccounts(components, sink),
  ];
}

function problemsOfVersion(repository, { apiVersion }) {
  const { sourceApiVersion } = readSettings(repository);
  if (sourceApiVersion === apiVersion) return [];
  return [`deploy/salesforce/sfdx-project.json:1: sourceApiVersion is ${sourceApiVersion}, the sink calls ${apiVersion}`];
}

/** The integration user reads what the sink selects, and edits what it writes. */
function problemsOfAccess(set, object, selected, writes) {
  const lets = (field, right) => grants(set, 'fieldPermissions', 'field', `${object}.${field}`, right);
  const standard = STANDARD[object] ?? { fields: [], guarded: [] };
  const guarded = selected.filter((field) => field.endsWith('__c') || standard.guarded.includes(field));
  return [
    ...selected
      .filter((field) => !field.endsWith('__c') && !standard.fields.includes(field))
      .map((field) => `${SINK}/src:1: selects ${object}.${field}, which this check does not know`),
    ...problemsOfObject(set, object),
    ...guarded.filter((field) => !lets(field, 'readable')).map((field) => withheld(set, `reads ${object}.${field}`)),
    ...writes.filter((field) => !lets(field, 'editable')).map((field) => withheld(set, `writes ${object}.${field}`)),
  ];
}

function problemsOfObject(set, object) {
  return ['allowRead', 'allowEdit', 'viewAllRecords']
    .filter((right) => !grants(set, 'objectPermissions', 'object', object, right))
    .map((right) => withheld(set, `needs ${right} of ${object}`));
}

function grants(set, list, key, name, right) {
  return children(set.root, list).some((element) => value(element, key) === name && value(element, right) === 'true');
}

function withheld(set, what) {
  return problem(set, set.root, `the sink ${what}, and this set does not let it`);
}

/**
 * Of a person account the sink writes the Account: its user needs a set besides, for the orgs that have such accounts, and the
 * rule of Contact does not see them.
 */
function problemsOfPersonAccounts(components, sink) {
  const object = sink.personObject;
  const sets = components.filter(
    (component) =>
      component.type === 'PermissionSet' && grants(component, 'objectPermissions', 'object', object, 'allowEdit'),
  );
  const callDate = personField(callDateOf(components, 'Contact', sink) ?? '');
  return [
    ...(sets.length === 1 ? [] : [`${sets.length} permission sets let edit ${object}; there is one, for person accounts`]),
    ...sets.flatMap((set) => problemsOfObject(set, object)),
    ...sets
      .filter(({ isDefault }) => isDefault)
      .map((set) => problem(set, set.root, `lets edit ${object} in orgs without person accounts`)),
    ...problemsOfRule(components, object, callDate, sink),
  ];
}

function problemsOfField(components, object, name, { tiers }) {
  const field = components.find(
    (component) => component.type === 'CustomField' && component.name === name && component.object === object,
  );
  if (!field) return [`${SINK}:1: writes ${object}.${name}, which the metadata does not have`];
  const says = (text) => [problem(field, field.root, text)];
  const untracked = value(field.root, 'trackHistory') === 'true' ? [] : says('keeps no history of what the sink writes');
  return untracked.concat(problemsOfValues(field, tiers, says));
}

function problemsOfValues(field, tiers, says) {
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

function callDateOf(components, object, { writes }) {
  const isTime = ({ type, name, root }) =>
    type === 'CustomField' && writes.includes(name) && value(root, 'type') === 'DateTime';
  return components.find((component) => component.object === object && isTime(component))?.name;
}

/** A refusal is known as stale by the marker in the message of an active rule, and that rule refuses what is stale. */
function problemsOfRule(components, object, callDate, { staleMarker }) {
  const rules = components.filter((component) => component.type === 'ValidationRule' && component.object === object);
  const marked = rules.filter(
    ({ root }) => value(root, 'active') === 'true' && value(root, 'errorMessage')?.startsWith(staleMarker),
  );
  if (marked.length !== 1)
    return [`${SINK}/src:1: ${marked.length} active rules of ${object} have a message that begins with ${staleMarker}`];
  const bypasses = components.filter(({ type }) => type === 'CustomPermission').map(({ name }) => `$Permission.${name}`);
  return callDate ? problemsOfDecisions(marked[0], callDate, bypasses) : [];
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
