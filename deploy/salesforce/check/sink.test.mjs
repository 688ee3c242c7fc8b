// Breaks the project in each way that the check is to find by the sources of the sink.
import {
  INTEGRATION,
  PERSON_ACCOUNTS,
  PERSON_RULE,
  RECORDS,
  RULE,
  SESSION,
  TIER,
  adding,
  deleting,
  finds,
  moving,
  replacing,
} from './breaking.mjs';

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
  'a field that the sink reads where accounts can be persons, and nobody may read',
  replacing(INTEGRATION, '>Contact.AccountId<', '>Contact.Title<'),
  INTEGRATION,
  /the sink reads Contact\.AccountId/,
);
finds(
  'records that the sink cannot find',
  replacing(INTEGRATION, '<viewAllRecords>true', '<viewAllRecords>false'),
  INTEGRATION,
  /needs viewAllRecords of Contact/,
);
finds('a text field that is too short', replacing(SESSION, '>255<', '>80<'), SESSION, /holds fewer than 255 characters/);
finds('a field without a history', replacing(SESSION, /<trackHistory>.*\n/, ''), SESSION, /keeps no history/);
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
  replacing('sink-salesforce/src/row_error/mod.rs', 'const STALE_MARKER', 'const STALE'),
  'sink-salesforce/src',
  /does not find/,
);
finds(
  'a field that the settings of the sink name',
  adding('sink-salesforce/fields.toml', 'name = "Voice_Mood__c"\n'),
  INTEGRATION,
  /the sink writes Contact\.Voice_Mood__c/,
);

finds(
  'person accounts that the sink cannot find',
  replacing(PERSON_ACCOUNTS, '<viewAllRecords>true', '<viewAllRecords>false'),
  PERSON_ACCOUNTS,
  /needs viewAllRecords of Account/,
);
finds('person accounts that nobody may edit', deleting(PERSON_ACCOUNTS), '', /0 permission sets let edit Account/);
finds(
  'person accounts that may be edited in every org',
  moving(PERSON_ACCOUNTS, PERSON_ACCOUNTS.replace('person-accounts', 'force-app')),
  'force-app/main/default/permissionsets/Voice_Calls_Person_Accounts',
  /lets edit Account in orgs without person accounts/,
);
finds(
  'a set for person accounts that lets in a program by itself',
  replacing(
    PERSON_ACCOUNTS,
    '</PermissionSet>',
    '<userPermissions><enabled>true</enabled><name>ApiEnabled</name></userPermissions></PermissionSet>',
  ),
  '',
  /2 permission sets enable the API/,
);
finds('person accounts without a rule', deleting(PERSON_RULE), 'sink-salesforce/src', /0 active rules of Account/);
finds(
  'a rule that refuses newer calls of person accounts',
  replacing(PERSON_RULE, '&lt;', '&gt;'),
  PERSON_RULE,
  /refuses a newer call/,
);
finds(
  'a rule that lets older calls of person accounts pass',
  replacing(PERSON_RULE, /Last_Voice_Call_Date__pc/g, 'Last_Voice_Session__pc'),
  PERSON_RULE,
  /lets pass an older call/,
);
