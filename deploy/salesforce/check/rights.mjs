// What permission sets may grant. The sink updates; nobody gets more from this project than that.
import { problem } from './project.mjs';
import { children, value } from './xml.mjs';

const NEVER = ['allowCreate', 'allowDelete', 'modifyAllRecords', 'viewAllFields'];
const USER_PERMISSIONS = ['ApiEnabled'];
/** To read the one, a set must let read the other. */
const DEPENDING = { Contact: 'Account' };

export function problemsOfRights(components) {
  return components
    .filter(({ type }) => type === 'PermissionSet')
    .flatMap((component) => [
      ...children(component.root, 'objectPermissions').flatMap((element) => problemsOfObject(component, element)),
      ...children(component.root, 'fieldPermissions').flatMap((element) => problemsOfField(component, element)),
      ...children(component.root, 'userPermissions').flatMap((element) => problemsOfUser(component, element)),
      ...problemsOfDependencies(component),
      ...problemsOfBypass(component),
    ]);
}

/** The permission sets that are for a program. */
export function forPrograms(components) {
  const enablesApi = ({ root }) =>
    children(root, 'userPermissions').some(
      (element) => value(element, 'name') === 'ApiEnabled' && value(element, 'enabled') === 'true',
    );
  return components.filter((component) => component.type === 'PermissionSet' && enablesApi(component));
}

function problemsOfObject(component, element) {
  const object = value(element, 'object');
  const is = (name) => value(element, name) === 'true';
  const granted = NEVER.filter(is).map((name) => problem(component, element, `grants ${name} of ${object}`));
  const unreadable = !is('allowRead') && (is('allowEdit') || is('viewAllRecords'));
  return unreadable
    ? [...granted, problem(component, element, `grants more than reading of ${object} without reading`)]
    : granted;
}

function problemsOfDependencies(component) {
  const read = children(component.root, 'objectPermissions').filter((element) => value(element, 'allowRead') === 'true');
  const objects = read.map((element) => value(element, 'object'));
  return read
    .map((element) => [element, value(element, 'object')])
    .filter(([, object]) => object in DEPENDING && !objects.includes(DEPENDING[object]))
    .map(([element, object]) =>
      problem(component, element, `grants reading of ${object} without reading of ${DEPENDING[object]}`),
    );
}

function problemsOfField(component, element) {
  const unreadable = value(element, 'editable') === 'true' && value(element, 'readable') !== 'true';
  return unreadable ? [problem(component, element, `${value(element, 'field')} can be edited and not read`)] : [];
}

function problemsOfUser(component, element) {
  const name = value(element, 'name');
  return USER_PERMISSIONS.includes(name) ? [] : [problem(component, element, `grants ${name}, which nothing here needs`)];
}

/** People have their objects by other sets than those of this project. */
function problemsOfBypass(component) {
  const bypasses = children(component.root, 'customPermissions');
  const isForProgram = forPrograms([component]).length > 0 || children(component.root, 'objectPermissions').length > 0;
  if (!isForProgram || bypasses.length === 0) return [];
  return [problem(component, bypasses[0], 'a program would be exempt from the validation rules')];
}
