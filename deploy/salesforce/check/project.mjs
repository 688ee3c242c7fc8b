// The components of the project, found by Salesforce's own resolver, and what is wrong with where they lie.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { parse, value } from './xml.mjs';

// The library otherwise keeps a log in the home directory. It reads this when it is loaded, hence the late import.
process.env.SF_DISABLE_LOG_FILE = 'true';
const { MetadataResolver, RegistryAccess } = (await import('@salesforce/source-deploy-retrieve')).default;

const PROJECT = 'deploy/salesforce';
const PACKAGE = 'main/default';
/** What adds to an org. Others, such as Layout, Profile or CustomObject, replace what the org has. */
const ADDING = [
  'CompactLayout',
  'CustomField',
  'CustomPermission',
  'Dashboard',
  'DashboardFolder',
  'ListView',
  'PermissionSet',
  'Report',
  'ReportFolder',
  'ReportType',
  'ValidationRule',
];

/**
 * {components: [{type, name, object, file, root, isDefault}], problems}; `name` is without the object, files are relative. What
 * is default is for every org.
 */
export function readProject(repository) {
  const components = [];
  const problems = [];
  for (const { path: folder, default: isDefault = false } of readSettings(repository).packageDirectories) {
    const base = join(repository, PROJECT, folder, PACKAGE);
    for (const path of filesBelow(join(repository, PROJECT, folder))) {
      const file = relative(repository, path);
      try {
        components.push({ ...readComponent(base, path, file), isDefault });
      } catch (error) {
        problems.push(problem({ file }, error, error.message));
      }
    }
  }
  return { components, problems: problems.concat(problemsOfFolders(components)) };
}

/** The content of sfdx-project.json. */
export function readSettings(repository) {
  return JSON.parse(readFileSync(join(repository, PROJECT, 'sfdx-project.json'), 'utf8'));
}

/** A line about an element, or about the file as a whole. */
export function problem({ file }, at, text) {
  return `${file}:${at?.line ?? 1}: ${text}`;
}

function filesBelow(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
}

function readComponent(base, path, file) {
  const [found] = resolve(path);
  if (found?.xml !== path) throw new Error('is not metadata, by its folder and suffix');
  const type = found.type.name;
  if (!ADDING.includes(type)) throw new Error(`a ${type} would replace what the org has`);
  const expected = expectedPath(found);
  const actual = relative(base, path).split(sep).join('/');
  if (actual !== expected) throw new Error(`a ${type} of this name belongs to ${PACKAGE}/${expected}`);
  const root = parse(readFileSync(path, 'utf8'));
  if (root.name !== type) throw Object.assign(new Error(`is a ${type} by its name and a ${root.name} within`), root);
  const fullName = value(root, 'fullName');
  if (fullName !== undefined && fullName !== found.name) {
    throw Object.assign(new Error(`the file is named ${found.name}, and its fullName is ${fullName}`), root);
  }
  return { type, name: found.name, object: found.parent?.fullName, file, root };
}

function resolve(path) {
  try {
    return new MetadataResolver(new RegistryAccess(), undefined, false).getComponentsFromPath(path);
  } catch (error) {
    throw new Error(error.name === 'TypeInferenceError' ? 'is not metadata, by its folder and suffix' : error.message);
  }
}

function expectedPath({ type, name, parent }) {
  const folder = parent ? `${parent.type.directoryName}/${parent.fullName}/${type.directoryName}` : type.directoryName;
  return `${folder}/${name}.${type.suffix}-meta.xml`;
}

/** Reports and dashboards lie in a folder, which is a component of its own. */
function problemsOfFolders(components) {
  const inFolders = components.filter(({ type }) => type === 'Report' || type === 'Dashboard');
  return inFolders.flatMap((component) => {
    const type = `${component.type}Folder`;
    const [folder, ...rest] = component.name.split('/');
    const exists = components.some((other) => other.type === type && other.name === folder);
    return exists && rest.length === 1 ? [] : [problem(component, component.root, `lies in no ${type} of this project`)];
  });
}
