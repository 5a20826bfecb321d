"""All the tables of forms, by what they are about."""

from collections.abc import Mapping, Sequence

from support.forms import (
    Form,
    branches,
    else_values,
    forms,
    heads,
    late_names,
    memberships,
    modules,
    negations,
    patterns,
    templates,
    whole_floats,
    with_values,
)

TABLES: Mapping[str, Sequence[Form]] = {
    table.__name__.rsplit(".", 1)[-1]: forms(table.COMMON, table.REFUSED, table.AGREE)
    for table in (
        negations,
        memberships,
        late_names,
        patterns,
        templates,
        heads,
        branches,
        else_values,
        modules,
        with_values,
        whole_floats,
    )
}
FORMS = [form for table in TABLES.values() for form in table]
UNSAFE = forms(late_names.COMMON, late_names.UNSAFE, ())
