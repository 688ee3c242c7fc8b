// Checks the Salesforce metadata without an org: prints a line for each problem, and ends with code 1 where there is one.
//   node check.mjs [REPOSITORY]
import { fileURLToPath } from 'node:url';
import { problemsOfLengths } from './lengths.mjs';
import { readProject } from './project.mjs';
import { problemsOfReferences } from './references.mjs';
import { problemsOfRights } from './rights.mjs';
import { problemsOfTypes } from './schema.mjs';
import { problemsWithSink } from './sink.mjs';

/** What is wrong with the metadata of a repository, as lines «file:line: what». */
export function check(repository) {
  const { components, problems } = readProject(repository);
  return problems.concat(
    components.flatMap(problemsOfTypes),
    components.flatMap(problemsOfLengths),
    problemsOfReferences(components),
    problemsOfRights(components),
    problemsWithSink(repository, components),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = check(process.argv[2] ?? fileURLToPath(new URL('../../..', import.meta.url)));
  problems.forEach((problem) => console.error(problem));
  process.exitCode = problems.length > 0 ? 1 : 0;
}
