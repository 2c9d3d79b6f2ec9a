"""What a licence sends to many: messages, fax pages, calls of one length, and the lines they went to."""
