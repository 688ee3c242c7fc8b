// Breaks a copy of the project in each way that the check is to find.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { check } from './check.mjs';
import { namesIn } from './formula.mjs';

const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));
const READ = ['deploy/salesforce/sfdx-project.json', 'deploy/salesforce/force-app', 'sink-salesforce', 'agent/personas'];

const METADATA = 'deploy/salesforce/force-app/main/default';
const LEAD = `${METADATA}/objects/Lead`;
const CONTACT = `${METADATA}/objects/Contact`;
const CALL_DATE = `${LEAD}/fields/Last_Voice_Call_Date__c.field-meta.xml`;
const TIER = `${CONTACT}/fields/Voice_Qualification_Tier__c.field-meta.xml`;
const SESSION = `${LEAD}/fields/Last_Voice_Session__c.field-meta.xml`;
const RULE = `${CONTACT}/validationRules/Voice_Stale_Write.validationRule-meta.xml`;
const LIST = `${LEAD}/listViews/Recent_Voice_Calls.listView-meta.xml`;
const COMPACT = `${CONTACT}/compactLayouts/Voice_Calls.compactLayout-meta.xml`;
const INTEGRATION = `${METADATA}/permissionsets/Voice_Calls_Integration.permissionset-meta.xml`;
const SALES_OPS = `${METADATA}/permissionsets/Voice_Calls_Sales_Ops.permissionset-meta.xml`;
const PERMISSION = `${METADATA}/customPermissions/Correct_Voice_Calls.customPermission-meta.xml`;
const REPORT_TYPE = `${METADATA}/reportTypes/Leads_with_Voice_Calls.reportType-meta.xml`;
const REPORT = `${METADATA}/reports/Voice_Call_Reports/Leads_by_Week.report-meta.xml`;
const DASHBOARD = `${METADATA}/dashboards/Voice_Call_Dashboards/Voice_Calls.dashboard-meta.xml`;
const RECORDS = 'sink-salesforce/src/records.rs';

let folder;
before(() => (folder = mkdtempSync(join(tmpdir(), 'salesforce-check-'))));
after(() => rmSync(folder, { recursive: true }));

test('the project itself has no problem', () => {
  assert.deepEqual(check(REPOSITORY), []);
});

finds('XML that is not well-formed', replacing(LIST, '</columns>', '</column>'), LIST, /unexpected close tag|unmatched/i);
finds('an undefined entity', replacing(LIST, 'Recent Voice Calls', 'Recent &nbsp; Calls'), LIST, /undefined entity/);
finds('another namespace', replacing(LIST, '2006/04/metadata', '2006/04/meta'), LIST, /not in the namespace/);
finds('an unknown element', replacing(LIST, /filterScope>/g, 'filterScop>'), LIST, /unknown element <filterScop>/);
finds(
  'an unknown element within another',
  replacing(INTEGRATION, '<readable>true</readable>', '<visible>true</visible>'),
  INTEGRATION,
  /unknown element <visible> in PermissionSet\/fieldPermissions/,
);
finds('an element that is missing', replacing(RULE, /<errorMessage>.*\n/, ''), RULE, /ValidationRule has no <errorMessage>/);
finds(
  'a field without a description',
  replacing(CALL_DATE, /<description>.*\n/, ''),
  CALL_DATE,
  /CustomField has no <description>/,
);
finds('an element twice', replacing(LIST, '<label>', '<label>One</label>\n    <label>'), LIST, /has <label> more than once/);
finds(
  'equal elements apart from each other',
  replacing(LIST, '<label>', '<columns>LEAD.PHONE</columns>\n    <label>'),
  LIST,
  /<columns> in two places/,
);
finds('a value that no enumeration has', replacing(LIST, 'Everything', 'All'), LIST, /«All», which no FilterScope is/);
finds('a boolean that is none', replacing(RULE, '<active>true', '<active>yes'), RULE, /true or false, not «yes»/);
finds('a number that is none', replacing(SESSION, '>255<', '>long<'), SESSION, /is a number, not «long»/);
finds(
  'text where elements belong',
  replacing(INTEGRATION, '<fieldPermissions>', '<fieldPermissions>x'),
  INTEGRATION,
  /text between its elements/,
);
finds(
  'a label that is too long',
  replacing(LIST, 'Recent Voice Calls', 'Voice Calls of the Last Thirty Days, the Latest'),
  LIST,
  /<label> has 47 characters, 40/,
);

finds(
  'a file in the folder of another type',
  moving(CALL_DATE, `${LEAD}/listViews/Last_Voice_Call_Date__c.field-meta.xml`),
  'listViews/Last_Voice_Call_Date__c',
  /a CustomField of this name belongs to/,
);
finds(
  'a permission set among the profiles',
  moving(SALES_OPS, `${METADATA}/profiles/Voice_Calls_Sales_Ops.permissionset-meta.xml`),
  'profiles/',
  /belongs to .*permissionsets\/Voice/,
);
finds(
  'a suffix that is wrong',
  moving(LIST, LIST.replace('listView-meta', 'listview_meta')),
  'Recent_Voice_Calls',
  /is not metadata/,
);
finds(
  'a suffix without -meta.xml',
  moving(PERMISSION, PERMISSION.replace('-meta.xml', '.xml')),
  'Correct_Voice_Calls',
  /is not metadata/,
);
finds('a file that is no metadata', adding(`${METADATA}/permissionsets/notes.txt`, 'x'), 'notes.txt', /is not metadata/);
finds(
  'another name in the file',
  replacing(CALL_DATE, '<fullName>Last', '<fullName>Latest'),
  CALL_DATE,
  /fullName is Latest_Voice_Call_Date__c/,
);
finds(
  'another type in the file',
  moving(LIST, `${LEAD}/compactLayouts/Recent_Voice_Calls.compactLayout-meta.xml`),
  'Recent_Voice_Calls',
  /CompactLayout by its name and a ListView within/,
);
finds(
  'a report without its folder',
  deleting(`${METADATA}/reports/Voice_Call_Reports.reportFolder-meta.xml`),
  REPORT,
  /lies in no ReportFolder/,
);
finds(
  'a layout',
  adding(`${METADATA}/layouts/Lead-Lead Layout.layout-meta.xml`, document('Layout')),
  'layouts/',
  /a Layout would replace/,
);
finds(
  'the object itself',
  adding(`${LEAD}/Lead.object-meta.xml`, document('CustomObject')),
  'Lead.object',
  /a CustomObject would replace/,
);

finds(
  'a permission set with a field that does not exist',
  replacing(SALES_OPS, 'Lead.Last_Voice_Session__c', 'Lead.Last_Session__c'),
  SALES_OPS,
  /names Lead\.Last_Session__c/,
);
finds(
  'a permission set with a required field',
  replacing(INTEGRATION, '>Lead.Email<', '>Lead.Company<'),
  INTEGRATION,
  /names Lead\.Company/,
);
finds(
  'a permission set with a custom permission that does not exist',
  deleting(PERMISSION),
  'Voice_Calls_Correction',
  /names Correct_Voice_Calls/,
);
finds(
  'a list view with a field that does not exist',
  replacing(LIST, /<columns>Voice_Qual/, '<columns>Qual'),
  LIST,
  /names Qualification_Tier__c/,
);
finds(
  'a list view that filters by a field that does not exist',
  replacing(LIST, '<field>Last_', '<field>'),
  LIST,
  /names Voice_Call_Date__c/,
);
finds('a list view with a field by its API name', replacing(LIST, '>LEAD.COMPANY<', '>Company<'), LIST, /names Company/);
finds(
  'a compact layout with a field that does not exist',
  replacing(COMPACT, '>Last_Voice_Call_Date__c<', '>Last_Call__c<'),
  COMPACT,
  /names Last_Call__c/,
);
finds(
  'a field of one object in a component of the other',
  replacing(COMPACT, '>Title<', '>Company<'),
  COMPACT,
  /names Company/,
);
finds(
  'a formula with a field that does not exist',
  replacing(RULE, 'PRIORVALUE(Last_Voice_Call_Date__c)', 'PRIORVALUE(Last_Call__c)'),
  RULE,
  /formula names Last_Call__c/,
);
finds(
  'a formula with a custom permission that does not exist',
  replacing(RULE, '$Permission.Correct', '$Permission.Change'),
  RULE,
  /formula names \$Permission\.Change_Voice_Calls/,
);
finds(
  'a formula that is none',
  replacing(RULE, 'ISCHANGED(Last_Voice_Call_Date__c),', 'ISCHANGED(Last_Voice_Call_Date__c)'),
  RULE,
  /formula needs «\)» before «NOT»/,
);
finds(
  'an error shown at a field that does not exist',
  replacing(RULE, '<errorDisplayField>Last', '<errorDisplayField>First'),
  RULE,
  /names First_Voice_Call_Date__c/,
);
finds(
  'a report type with a field that does not exist',
  replacing(REPORT_TYPE, '<field>Last_Voice_Session__c', '<field>Session__c'),
  REPORT_TYPE,
  /names Session__c/,
);
finds(
  'a report with a field that its type does not have',
  replacing(REPORT, '<field>Lead$Owner', '<field>Lead$Phone'),
  REPORT,
  /names Lead\$Phone/,
);
finds(
  'a report of a type that does not exist',
  replacing(REPORT, 'Leads_with_Voice_Calls__c', 'Leads_with_Calls__c'),
  REPORT,
  /no report type Leads_with_Calls__c/,
);
finds(
  'a report with a column by which it groups',
  replacing(REPORT, '<field>Lead$Owner', '<field>Lead$Voice_Qualification_Tier__c'),
  REPORT,
  /groups by .* column, too/,
);
finds(
  'a dashboard of a report that does not exist',
  replacing(DASHBOARD, 'Voice_Call_Reports/Leads_by_Tier', 'Voice_Call_Reports/Tiers'),
  DASHBOARD,
  /no report Voice_Call_Reports\/Tiers/,
);
finds(
  'a dashboard that groups as its report does not',
  replacing(DASHBOARD, 'Lead$Last_Voice_Call_Date__c', 'Lead$Status'),
  DASHBOARD,
  /names Lead\$Status/,
);
finds(
  'a formula with a function that the check cannot work out',
  replacing(RULE, 'NOT(ISBLANK(', 'NOT(ISNULL('),
  RULE,
  /formula calls ISNULL, which is no known function/,
);
finds('a field that is gone', deleting(SESSION), REPORT_TYPE, /names Last_Voice_Session__c/);

for (const right of ['allowCreate', 'allowDelete', 'modifyAllRecords']) {
  finds(
    `a permission set with ${right}`,
    replacing(INTEGRATION, `<${right}>false`, `<${right}>true`),
    INTEGRATION,
    new RegExp(`grants ${right} of Contact`),
  );
}
finds(
  'a user permission that is not needed',
  replacing(INTEGRATION, 'ApiEnabled', 'ModifyAllData'),
  INTEGRATION,
  /grants ModifyAllData/,
);
finds(
  'a field that can be edited and not read',
  replacing(INTEGRATION, /(?<=<editable>true<.*\n.*\n\s*)<readable>true/, '<readable>false'),
  INTEGRATION,
  /can be edited and not read/,
);
finds(
  'a program that is exempt from the rule',
  replacing(
    INTEGRATION,
    '<description>',
    '<customPermissions><enabled>true</enabled><name>Correct_Voice_Calls</name></customPermissions>\n    <description>',
  ),
  INTEGRATION,
  /exempt from the validation rules/,
);

finds(
  'a field that the sink writes and nobody may edit',
  replacing(INTEGRATION, '<editable>true', '<editable>false'),
  INTEGRATION,
  /the sink writes Contact\.Last_Voice_Call_Date__c/,
);
finds(
  'a field that the sink reads and nobody may read',
  replacing(INTEGRATION, /<field>Lead\.Email<\/field>\s*<readable>true/, '<field>Lead.Email</field><readable>false'),
  INTEGRATION,
  /the sink reads Lead\.Email/,
);
finds(
  'records that the sink cannot find',
  replacing(INTEGRATION, '<viewAllRecords>true', '<viewAllRecords>false'),
  INTEGRATION,
  /needs viewAllRecords of Contact/,
);
finds('a text field that is too short', replacing(SESSION, '>255<', '>80<'), SESSION, /holds fewer than 255 characters/);
finds('a tier that is no value', replacing(TIER, '<fullName>warm', '<fullName>lukewarm'), TIER, /no value warm/);
finds('a restricted picklist', replacing(TIER, '<restricted>false', '<restricted>true'), TIER, /is restricted/);
finds(
  'a message without the marker',
  replacing(RULE, 'VOICE_STALE_WRITE', 'STALE_VOICE_WRITE'),
  'sink-salesforce/src',
  /0 active rules of Contact/,
);
finds(
  'a rule that is not active',
  replacing(RULE, '<active>true', '<active>false'),
  'sink-salesforce/src',
  /0 active rules of Contact/,
);
finds('a rule that refuses newer calls', replacing(RULE, '&lt;', '&gt;'), RULE, /refuses a newer call/);
finds(
  'a rule that lets older calls pass',
  replacing(RULE, 'ISCHANGED(', '$Permission.Correct_Voice_Calls, ISCHANGED('),
  RULE,
  /lets pass an older call/,
);
finds(
  'a rule that refuses a repetition',
  replacing(RULE, /ISCHANGED[^]*&lt;/, 'Last_Voice_Call_Date__c &lt;='),
  RULE,
  /refuses the same call again/,
);
finds('a rule that refuses a first call', replacing(RULE, /NOT\(ISBLANK[^]*,\s*NOT/, 'NOT'), RULE, /refuses a first call/);
finds(
  'a rule that nobody may break',
  replacing(RULE, /,\s*NOT\(\$Permission.*\)/, ''),
  RULE,
  /refuses an older call from somebody who may correct/,
);
finds(
  'another API version',
  replacing('deploy/salesforce/sfdx-project.json', '68.0', '67.0'),
  'sfdx-project.json',
  /is 67\.0, the sink calls 68\.0/,
);
finds(
  'a standard field that the sink has begun to select',
  replacing(RECORDS, 'Id, Email,', 'Id, Rating, Email,'),
  'sink-salesforce/src',
  /selects Lead\.Rating/,
);
finds(
  'a custom field that the sink has begun to select',
  replacing(RECORDS, 'SELECT Id, Email, {person}', 'SELECT Id, Email, Voice_Mood__c, {person}'),
  INTEGRATION,
  /the sink reads Contact\.Voice_Mood__c/,
);
finds(
  'a custom field that the sink has begun to write',
  replacing('sink-salesforce/fields.toml', '"Last_Voice_Session__c"', '"Voice_Room__c"'),
  'sink-salesforce:',
  /writes Lead\.Voice_Room__c/,
);
finds(
  'a tier that a persona has begun to give',
  replacing('agent/personas/pandadoc-trial.toml', 'tier = "cold"', 'tier = "icy"'),
  TIER,
  /no value icy/,
);
finds(
  'an object that the sink has begun to select',
  replacing(RECORDS, 'FROM Contact', 'FROM Account'),
  'sink-salesforce',
  /Account\.Id, which this check does not know/,
);
finds(
  'a persona whose tiers are written otherwise',
  replacing('agent/personas/pandadoc-trial.toml', '[qualification]', '[grading]'),
  'sink-salesforce/src',
  /does not find the tiers/,
);
finds(
  'a source that is written otherwise',
  replacing('sink-salesforce/src/row_error.rs', 'const STALE_MARKER', 'const STALE'),
  'sink-salesforce/src',
  /does not find/,
);
finds(
  'a field that the settings of the sink name',
  adding('sink-salesforce/fields.toml', 'name = "Voice_Mood__c"\n'),
  INTEGRATION,
  /the sink writes Contact\.Voice_Mood__c/,
);

test('formulas', () => {
  assert.deepEqual(namesIn('AND(A__c > PRIORVALUE(A__c), NOT(ISBLANK(B__c)) /* so */, (C__c), !$Permission.D || TRUE)'), [
    'A__c',
    'B__c',
    'C__c',
    '$Permission.D',
  ]);
  for (const formula of ['', 'AND(', 'A B', 'A < ', 'NOT(A, B)', 'NOSUCH(A)', 'A = B', 'A # B', '(A', 'A)', '"open']) {
    assert.throws(() => namesIn(formula), formula);
  }
});

/** A test that the check, after a change to a copy, has a line with both texts. */
function finds(what, change, file, problem) {
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

function replacing(file, from, to) {
  return (repository) => {
    const path = join(repository, file);
    const text = readFileSync(path, 'utf8');
    const changed = text.replace(from, () => to);
    assert.notEqual(changed, text, `${file} has no ${from}`);
    writeFileSync(path, changed);
  };
}

function moving(from, to) {
  return (repository) => {
    mkdirSync(dirname(join(repository, to)), { recursive: true });
    renameSync(join(repository, from), join(repository, to));
  };
}

function adding(file, text) {
  return (repository) => {
    mkdirSync(dirname(join(repository, file)), { recursive: true });
    writeFileSync(join(repository, file), text);
  };
}

function deleting(file) {
  return (repository) => rmSync(join(repository, file));
}

function document(type) {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${type} xmlns="http://soap.sforce.com/2006/04/metadata"/>\n`;
}
