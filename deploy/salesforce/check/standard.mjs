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
};
