// Names by which one component means another, or a field of the org.
import { namesIn } from './formula.mjs';
import { problem } from './project.mjs';
import { STANDARD, personField } from './standard.mjs';
import { children, descendants, value } from './xml.mjs';

export function problemsOfReferences(components) {
  const tree = {
    has: (type, name, object) =>
      components.some((other) => other.type === type && other.name === name && other.object === object),
    fieldsOf: (object) =>
      components.filter((other) => other.type === 'CustomField' && other.object === object).map(({ name }) => name),
    find: (type, name) => components.find((other) => other.type === type && other.name === name),
  };
  return components.flatMap((component) => (CHECKS[component.type] ?? (() => []))(component, tree));
}

const CHECKS = {
  CompactLayout: (component, tree) => {
    const fields = children(component.root, 'fields');
    return unknown(component, fields, (name) => hasField(tree, component, name));
  },

  ListView: (component, tree) => {
    const fields = [...children(component.root, 'columns'), ...descendants(component.root, 'field')];
    const columns = STANDARD[component.object]?.listColumns ?? [];
    return unknown(component, fields, (name) => columns.includes(name) || tree.has('CustomField', name, component.object));
  },

  ValidationRule: (component, tree) => {
    const [formula] = children(component.root, 'errorConditionFormula');
    const displayed = children(component.root, 'errorDisplayField');
    const problems = unknown(component, displayed, (name) => hasField(tree, component, name));
    try {
      const names = namesIn(formula?.text ?? '').filter((name) => !isInFormula(tree, component, name));
      return problems.concat(
        names.map((name) => problem(component, formula, `the formula names ${name}, which is not there`)),
      );
    } catch (error) {
      return problems.concat(problem(component, formula, error.message));
    }
  },

  PermissionSet: (component, tree) => {
    const named = (list, name) => children(component.root, list).flatMap((element) => children(element, name));
    const isGuarded = (name) => {
      const [object, field] = name.split('.');
      return (STANDARD[object]?.guarded ?? []).includes(field) || tree.has('CustomField', field, object);
    };
    return [
      ...unknown(component, named('fieldPermissions', 'field'), isGuarded),
      ...unknown(component, named('objectPermissions', 'object'), (name) => name in STANDARD),
      ...unknown(component, named('customPermissions', 'name'), (name) => tree.has('CustomPermission', name)),
    ];
  },

  ReportType: (component, tree) => {
    const object = value(component.root, 'baseObject');
    const columns = (name) => STANDARD[object]?.reportColumns.includes(name) || tree.has('CustomField', name, object);
    return [
      ...unknown(component, children(component.root, 'baseObject'), (name) => name in STANDARD),
      ...unknown(component, descendants(component.root, 'table'), (name) => name === object),
      ...unknown(component, descendants(component.root, 'field'), columns),
    ];
  },

  Report: (component, tree) => {
    const [reportType] = children(component.root, 'reportType');
    const type = tree.find('ReportType', reportType?.text.replace(/__c$/, ''));
    if (!type || !reportType.text.endsWith('__c'))
      return [problem(component, reportType, `there is no report type ${reportType?.text}`)];
    const object = value(type.root, 'baseObject');
    const columns = descendants(type.root, 'field').map((field) => `${object}$${field.text}`);
    const grouped = groupings(component).map((field) => field.text);
    const twice = children(component.root, 'columns').filter((column) => grouped.includes(value(column, 'field')));
    const used = ['field', 'column', 'dateColumn', 'sortColumn'].flatMap((name) => descendants(component.root, name));
    return [
      ...unknown(component, used, (name) => columns.includes(name)),
      ...twice.map((column) =>
        problem(component, column, `groups by ${value(column, 'field')} and has it as a column, too`),
      ),
    ];
  },

  Dashboard: (component, tree) =>
    descendants(component.root, 'dashboardComponent').flatMap((element) => {
      const [name] = children(element, 'report');
      const report = tree.find('Report', name?.text);
      if (!report) return [problem(component, name ?? element, `there is no report ${name?.text}`)];
      const grouped = groupings(report).map((field) => field.text);
      const columns = descendants(report.root, 'columns').map((column) => value(column, 'field'));
      return [
        ...unknown(component, children(element, 'groupingColumn'), (column) => grouped.includes(column)),
        ...unknown(component, descendants(element, 'column'), (column) => column === 'RowCount' || columns.includes(column)),
      ];
    }),
};

function unknown(component, elements, isKnown) {
  const wrong = elements.filter((element) => !isKnown(element.text));
  return wrong.map((element) => problem(component, element, `names ${element.text}, which is not there`));
}

function hasField(tree, { object, isDefault }, name) {
  if (STANDARD[object]?.fields.includes(name) || tree.has('CustomField', name, object)) return true;
  // Not every org has person accounts; one without refuses the whole package for such a name.
  return object === 'Account' && !isDefault && tree.fieldsOf('Contact').map(personField).includes(name);
}

function isInFormula(tree, component, name) {
  const permission = name.match(/^\$Permission\.(.*)$/);
  return permission ? tree.has('CustomPermission', permission[1]) : hasField(tree, component, name);
}

function groupings(report) {
  return ['groupingsDown', 'groupingsAcross']
    .flatMap((name) => descendants(report.root, name))
    .flatMap((grouping) => children(grouping, 'field'));
}
