// Breaks the project in each way that the check is to find.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  CALL_DATE,
  COMPACT,
  DASHBOARD,
  INTEGRATION,
  LEAD,
  LIST,
  METADATA,
  PERMISSION,
  PERSON_ACCOUNTS,
  PERSON_RULE,
  REPORT,
  REPORT_TYPE,
  REPOSITORY,
  RULE,
  SALES_OPS,
  SESSION,
  adding,
  deleting,
  document,
  finds,
  moving,
  replacing,
} from './breaking.mjs';
import { check } from './check.mjs';
import { namesIn } from './formula.mjs';

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
  'a name of person accounts in the package for every org',
  moving(PERSON_RULE, PERSON_RULE.replace('person-accounts', 'force-app')),
  'force-app/main/default/objects/Account',
  /formula names Last_Voice_Call_Date__pc/,
);
finds(
  'a field of a person account that its Contact does not have',
  replacing(PERSON_RULE, /Last_Voice_Call_Date__pc/g, 'Last_Call__pc'),
  PERSON_RULE,
  /formula names Last_Call__pc/,
);
finds(
  'a permission for the field of a person account, which is that of its Contact',
  replacing(INTEGRATION, '>Contact.Email<', '>Account.Last_Voice_Call_Date__pc<'),
  INTEGRATION,
  /names Account\.Last_Voice_Call_Date__pc/,
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
    new RegExp(`grants ${right} of Account`),
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
  'Contacts without their Accounts',
  replacing(INTEGRATION, /(<allowEdit>false.*\n\s*)<allowRead>true/, '<allowEdit>false</allowEdit><allowRead>false'),
  INTEGRATION,
  /grants reading of Contact without reading of Account/,
);
finds(
  'a program that is exempt from the rule by its other set',
  replacing(
    PERSON_ACCOUNTS,
    '<description>',
    '<customPermissions><enabled>true</enabled><name>Correct_Voice_Calls</name></customPermissions>\n    <description>',
  ),
  PERSON_ACCOUNTS,
  /exempt from the validation rules/,
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
