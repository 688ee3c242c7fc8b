// What Salesforce brings: the part of it that the project may name. Who needs another name adds it here, from the object
// reference, and nothing is accepted by its looks.

/** By object: `fields` by API name, those of them that field permissions can `guard`, `listColumns`, `reportColumns`. */
export const STANDARD = {
  Lead: {
    fields: [
      'Id',
      'Name',
      'Company',
      'Title',
      'Email',
      'Phone',
      'Status',
      'LeadSource',
      'OwnerId',
      'IsConverted',
      'ConvertedContactId',
      'CreatedDate',
      'LastModifiedDate',
    ],
    guarded: ['Title', 'Email', 'Phone', 'LeadSource'],
    listColumns: [
      'FULL_NAME',
      'LEAD.COMPANY',
      'LEAD.TITLE',
      'LEAD.EMAIL',
      'LEAD.PHONE',
      'LEAD.STATUS',
      'LEAD.LEAD_SOURCE',
      'LEAD.CREATED_DATE',
      'CORE.USERS.ALIAS',
    ],
    reportColumns: [
      'Name',
      'Company',
      'Title',
      'Email',
      'Phone',
      'Status',
      'LeadSource',
      'Owner',
      'IsConverted',
      'CreatedDate',
    ],
  },
  Contact: {
    fields: [
      'Id',
      'IsPersonAccount',
      'Name',
      'Title',
      'Email',
      'Phone',
      'LeadSource',
      'OwnerId',
      'AccountId',
      'CreatedDate',
      'LastModifiedDate',
    ],
    guarded: ['Title', 'Email', 'Phone', 'LeadSource', 'AccountId'],
    listColumns: [],
    reportColumns: [],
  },
  Account: { fields: [], guarded: [], listColumns: [], reportColumns: [] },
};

/**
 * The name that a person account has for a custom field of its Contact, `X__pc` for `X__c`. Field permissions are those of the
 * Contact's field.
 */
export function personField(name) {
  return name.replace(/__c$/, '__pc');
}
