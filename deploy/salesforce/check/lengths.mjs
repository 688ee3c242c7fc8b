// Longest texts that Salesforce takes. The types do not say them, and a deployment fails as a whole for one letter.
import { problem } from './project.mjs';
import { children } from './xml.mjs';

const NAME = 40;
const LONGEST = {
  CompactLayout: { label: 40 },
  CustomField: { label: 40, description: 1000, inlineHelpText: 510 },
  CustomPermission: { label: 80, description: 255 },
  Dashboard: { title: 80, description: 255 },
  DashboardFolder: { name: 40 },
  ListView: { label: 40 },
  PermissionSet: { label: 80, description: 255 },
  Report: { name: 40, description: 255 },
  ReportFolder: { name: 40 },
  ReportType: { label: 50, description: 255 },
  ValidationRule: { description: 255, errorMessage: 255, errorConditionFormula: 5000 },
};

export function problemsOfLengths(component) {
  const problems = [];
  const name = component.name.split('/').at(-1).replace(/__c$/, '');
  if (name.length > NAME || !/^[A-Za-z](?!.*__)\w*(?<!_)$/.test(name)) {
    problems.push(problem(component, component.root, `${name} is no name that Salesforce takes`));
  }
  for (const [element, longest] of Object.entries(LONGEST[component.type])) {
    for (const child of children(component.root, element)) {
      if (child.text.length > longest) {
        problems.push(
          problem(component, child, `<${element}> has ${child.text.length} characters, ${longest} are the most`),
        );
      }
    }
  }
  return problems;
}
