"""A repair of fakesnow's answers: which timestamps are NULL.

Snowflake sends a timestamp as a struct, and fakesnow 0.12 marks the parts of a NULL one as null but not the
struct itself. Connector 4.8 reads past that, 5.x refuses the answer ("unmasked nulls for non-nullable
StructArray").
"""

import functools
from typing import Any


@functools.cache
def keep_null_timestamps() -> None:
    """Put the repair in place, once for the process."""
    import pyarrow as pa
    from fakesnow import arrow

    without_mask = arrow.timestamp_to_sf_struct

    def with_mask(ts: Any) -> Any:
        struct = without_mask(ts)
        whole = ts.combine_chunks() if isinstance(ts, pa.ChunkedArray) else ts
        parts = [struct.field(index).fill_null(0) for index in range(struct.type.num_fields)]
        return pa.StructArray.from_arrays(parts, fields=list(struct.type), mask=whole.is_null())

    arrow.timestamp_to_sf_struct = with_mask
