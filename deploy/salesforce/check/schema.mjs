// Elements, their number and their values against the types of the Metadata API, which @salesforce/types has.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { problem } from './project.mjs';

const TYPES = createRequire(import.meta.url)
  .resolve('@salesforce/types/metadata')
  .replace(/\.js$/, '.d.ts');
/** Optional in the API, and yet nobody should have to guess what such a component is for. */
const EXPLAINED = {
  CustomField: ['description', 'inlineHelpText', 'label', 'type'],
  ValidationRule: ['description'],
  PermissionSet: ['description'],
};

const types = readTypes(readFileSync(TYPES, 'utf8'));

export function problemsOfTypes(component) {
  const missing = (EXPLAINED[component.type] ?? []).filter(
    (name) => !component.root.children.some((child) => child.name === name),
  );
  return problemsOfElement(component, component.root, component.type, component.type).concat(
    missing.map((name) => problem(component, component.root, `${component.type} has no <${name}>`)),
  );
}

function problemsOfElement(component, element, typeName, path) {
  const type = types.get(typeName);
  if (type?.fields) return problemsOfObject(component, element, fieldsOf(type), path);
  const says = (text) => [problem(component, element, `${path} ${text}`)];
  if (element.children.length > 0) return says(`is a ${typeName} and has no elements within`);
  const text = element.text;
  if (typeName === 'boolean' && !['true', 'false'].includes(text)) return says(`is true or false, not «${text}»`);
  if (typeName === 'number' && !/^-?\d+(\.\d+)?$/.test(text)) return says(`is a number, not «${text}»`);
  if (type?.values && !type.values.includes(text)) return says(`is «${text}», which no ${typeName} is`);
  return [];
}

function problemsOfObject(component, element, fields, path) {
  const problems = [];
  const says = (at, text) => problems.push(problem(component, at, text));
  if (element.text.trim() !== '') says(element, `${path} has text between its elements: «${element.text.trim()}»`);
  const seen = new Set();
  let previous;
  for (const child of element.children) {
    const field = fields.get(child.name);
    if (!field) says(child, `unknown element <${child.name}> in ${path}`);
    else if (seen.has(child.name) && !field.many) says(child, `${path} has <${child.name}> more than once`);
    else if (seen.has(child.name) && previous !== child.name)
      says(child, `${path} has <${child.name}> in two places; deploying wants them together`);
    if (field) problems.push(...problemsOfElement(component, child, field.type, `${path}/${child.name}`));
    seen.add(child.name);
    previous = child.name;
  }
  for (const [name, { required }] of fields) {
    if (required && !seen.has(name)) says(element, `${path} has no <${name}>`);
  }
  return problems;
}

/** The fields of a type and of what it extends. */
function fieldsOf({ base, fields }) {
  return base ? new Map([...fieldsOf(types.get(base)), ...fields]) : fields;
}

/**
 * Types by name: {base, fields: name → {type, many, required}} for objects, {values} for enumerations. The declarations are
 * generated, a field a line, so that a line that cannot be read is an error.
 */
function readTypes(text) {
  const types = new Map();
  let object;
  for (const line of text.split('\n')) {
    const declared = line.match(/^export type (\w+) = (?:(\w+) & )?(.*)$/);
    const field = line.match(/^ {4}(\w+)(\?)?: (\w+)(\[\])?;$/);
    if (declared?.[3] === '{') types.set(declared[1], (object = { base: declared[2], fields: new Map() }));
    else if (declared?.[3].startsWith("'"))
      types.set(declared[1], { values: [...declared[3].matchAll(/'([^']*)'/g)].map((match) => match[1]) });
    else if (declared) types.set(declared[1], { base: declared[3].replace(';', ''), fields: new Map() });
    else if (field && object)
      object.fields.set(field[1], { type: field[3], many: Boolean(field[4]), required: !field[2] && !field[4] });
    else if (line === '};') object = undefined;
    else if (object) throw new Error(`${TYPES}: a line that is no field: ${line}`);
  }
  for (const [name, type] of types) {
    // An alias of a scalar, such as «= string;», is no object.
    if (type.base && type.fields.size === 0 && !types.has(type.base)) types.delete(name);
  }
  return types;
}
