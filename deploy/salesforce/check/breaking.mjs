// Tests that break a copy of the project in one way, and what of the project they break.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { check } from './check.mjs';

export const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));
const READ = [
  'deploy/salesforce/sfdx-project.json',
  'deploy/salesforce/force-app',
  'deploy/salesforce/person-accounts',
  'sink-salesforce',
  'agent/personas',
];

export const METADATA = 'deploy/salesforce/force-app/main/default';
export const LEAD = `${METADATA}/objects/Lead`;
export const CONTACT = `${METADATA}/objects/Contact`;
export const CALL_DATE = `${LEAD}/fields/Last_Voice_Call_Date__c.field-meta.xml`;
export const TIER = `${CONTACT}/fields/Voice_Qualification_Tier__c.field-meta.xml`;
export const SESSION = `${LEAD}/fields/Last_Voice_Session__c.field-meta.xml`;
export const RULE = `${CONTACT}/validationRules/Voice_Stale_Write.validationRule-meta.xml`;
export const LIST = `${LEAD}/listViews/Recent_Voice_Calls.listView-meta.xml`;
export const COMPACT = `${CONTACT}/compactLayouts/Voice_Calls.compactLayout-meta.xml`;
export const INTEGRATION = `${METADATA}/permissionsets/Voice_Calls_Integration.permissionset-meta.xml`;
export const SALES_OPS = `${METADATA}/permissionsets/Voice_Calls_Sales_Ops.permissionset-meta.xml`;
export const PERMISSION = `${METADATA}/customPermissions/Correct_Voice_Calls.customPermission-meta.xml`;
export const PERSONS = 'deploy/salesforce/person-accounts/main/default';
export const PERSON_RULE = `${PERSONS}/objects/Account/validationRules/Voice_Stale_Write.validationRule-meta.xml`;
export const PERSON_ACCOUNTS = `${PERSONS}/permissionsets/Voice_Calls_Person_Accounts.permissionset-meta.xml`;
export const REPORT_TYPE = `${METADATA}/reportTypes/Leads_with_Voice_Calls.reportType-meta.xml`;
export const REPORT = `${METADATA}/reports/Voice_Call_Reports/Leads_by_Week.report-meta.xml`;
export const DASHBOARD = `${METADATA}/dashboards/Voice_Call_Dashboards/Voice_Calls.dashboard-meta.xml`;
export const RECORDS = 'sink-salesforce/src/records.rs';

let folder;
before(() => (folder = mkdtempSync(join(tmpdir(), 'salesforce-check-'))));
after(() => rmSync(folder, { recursive: true }));

/** A test that the check, after a change to a copy, has a line with both texts. */
export function finds(what, change, file, problem) {
  test(`finds ${what}`, () => {
    const repository = mkdtempSync(join(folder, 'copy-'));
    READ.forEach((path) => cpSync(join(REPOSITORY, path), join(repository, path), { recursive: true }));
    change(repository);
    const problems = check(repository);
    assert.ok(
      problems.some((line) => line.includes(file) && problem.test(line)),
      `found only: ${problems.join('\n') || 'nothing'}`,
    );
  });
}

export function replacing(file, from, to) {
  return (repository) => {
    const path = join(repository, file);
    const text = readFileSync(path, 'utf8');
    const changed = text.replace(from, () => to);
    assert.notEqual(changed, text, `${file} has no ${from}`);
    writeFileSync(path, changed);
  };
}

export function moving(from, to) {
  return (repository) => {
    mkdirSync(dirname(join(repository, to)), { recursive: true });
    renameSync(join(repository, from), join(repository, to));
  };
}

export function adding(file, text) {
  return (repository) => {
    mkdirSync(dirname(join(repository, file)), { recursive: true });
    writeFileSync(join(repository, file), text);
  };
}

export function deleting(file) {
  return (repository) => rmSync(join(repository, file));
}

export function document(type) {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${type} xmlns="http://soap.sforce.com/2006/04/metadata"/>\n`;
}
