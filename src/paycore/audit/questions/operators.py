"""I26, of what was done at the desk over the API: by whose token, and was it theirs."""

from paycore.audit.invariant import Check

# After the last act of an operator who was revoked comes the revocation's own version.
IS_AN_ACT_OF_NO_OPERATOR = """
SELECT c.pay_order_no, a.operator_id || ' ' || a.number AS about,
       o.operator_id IS NULL OR s.case_id IS NULL
       OR s.who <> o.name
       OR a.number > o.version - 1 - (o.revoked_at IS NOT NULL)::integer
       OR CASE s.what
              WHEN 'APPROVED' THEN o.role <> 'approver'
              WHEN 'TAKEN' THEN o.role NOT IN ('operator', 'approver')
              WHEN 'PREVIEWED' THEN o.role NOT IN ('operator', 'approver')
              WHEN 'EXECUTED' THEN o.role NOT IN ('operator', 'approver')
              WHEN 'STALE' THEN o.role NOT IN ('operator', 'approver')
              ELSE true
          END AS wrong,
       jsonb_build_object('case', a.case_id, 'step', a.seq, 'what', s.what,
           'who', s.who, 'operator', o.name, 'role', o.role,
           'revoked_at', o.revoked_at) AS said
FROM operators_act a
LEFT JOIN operators_operator o USING (operator_id)
LEFT JOIN desk_step s USING (case_id, seq)
LEFT JOIN desk_case c USING (case_id)
"""

# An act has the version of its operator that it was done by, so none can be missing.
IS_AN_ACT_MISSING = """
SELECT NULL::text AS pay_order_no, o.operator_id AS about,
       (a.acts, a.last) IS DISTINCT FROM (o.done, o.done) AS wrong,
       jsonb_build_object('operator', o.name, 'done', o.done, 'acts', a.acts,
           'last', a.last) AS said
FROM (
    SELECT *, version - 1 - (revoked_at IS NOT NULL)::integer AS done
    FROM operators_operator
) AS o
CROSS JOIN LATERAL (
    SELECT count(*) AS acts, coalesce(max(number), 0) AS last
    FROM operators_act WHERE operator_id = o.operator_id
) AS a
"""

ACTS = (
    Check(name="an act of no operator", sql=IS_AN_ACT_OF_NO_OPERATOR),
    Check(name="an operator's act that is missing", sql=IS_AN_ACT_MISSING),
)
