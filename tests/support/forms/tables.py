"""All the tables of forms, by what they are about."""

from collections.abc import Mapping, Sequence

from support.forms import Form, else_values, forms, memberships, modules, negations, with_values

TABLES: Mapping[str, Sequence[Form]] = {
    table.__name__.rsplit(".", 1)[-1]: forms(table.COMMON, table.REFUSED, table.AGREE)
    for table in (negations, memberships, else_values, modules, with_values)
}
FORMS = [form for table in TABLES.values() for form in table]
