-- What a cure does, in Chinese as well: whoever approves it reads what he says yes to in
-- his own language. Expands: nodes of the version before go on beside it; what they
-- preview, and what was previewed before, has none.
ALTER TABLE desk_cure ADD COLUMN does_zh text;
