//! How a table's columns become others: what keeps its id, and what gets a new one
//! (<https://iceberg.apache.org/spec/#schema-evolution>).

use arrow::datatypes::Schema as ArrowSchema;
use diagnostic::{Error, Result, codes};

use crate::schema::{Field, Schema, Type};

impl Schema {
    /// The columns `wanted` by name and type, and the last id given. Columns that are here keep their ids, also
    /// where their type widens as the format allows; all others get ids that no column ever had.
    ///
    /// # Errors
    /// `K3005` if a type cannot be stored.
    pub fn become_columns(&self, last_id: i32, wanted: &ArrowSchema) -> Result<(Self, i32)> {
        let mut next = last_id + 1;
        let mut fields = Vec::new();
        for column in wanted.fields() {
            let before = next;
            let mut field = Field::of_arrow(column, &mut next)?;
            if let Some(known) = self.field(column.name())
                && let Some(kind) = known.kind.widened(&field.kind)
            {
                next = before;
                field = Field {
                    kind,
                    ..known.clone()
                };
            }
            fields.push(field);
        }
        let kept = |id: &i32| fields.iter().any(|field| field.id == *id);
        let identifier = self.identifier_field_ids.iter().copied();
        Ok((
            Self {
                kind: "struct".to_owned(),
                schema_id: self.schema_id,
                identifier_field_ids: identifier.filter(kept).collect(),
                fields,
            },
            next - 1,
        ))
    }

    /// The same columns, with `old` called `new` from now on.
    ///
    /// # Errors
    /// `K3006` if there is no such column, or one of the new name.
    pub fn rename_column(&self, old: &str, new: &str) -> Result<Self> {
        if self.field(new).is_some() {
            return Err(Error::new(
                codes::K3006,
                format!("Column `{new}` exists already"),
            ));
        }
        let mut renamed = self.clone();
        let found = renamed.fields.iter_mut().find(|field| field.name == old);
        let Some(field) = found else {
            let names = self.fields.iter().map(|field| field.name.as_str());
            return Err(
                Error::new(codes::K3006, format!("There is no column `{old}`")).suggest(old, names),
            );
        };
        new.clone_into(&mut field.name);
        Ok(renamed)
    }
}

impl Type {
    /// What this type is from now on where `wanted` is asked for, if files that hold it can still be read.
    fn widened(&self, wanted: &Self) -> Option<Self> {
        match (self, wanted) {
            (Self::Int, Self::Long) | (Self::Float, Self::Double) => Some(wanted.clone()),
            (Self::Decimal(from, scale), Self::Decimal(to, same))
                if scale == same && to >= from =>
            {
                Some(wanted.clone())
            }
            (Self::Struct(here), Self::Struct(there)) if here.len() == there.len() => {
                let fields = here.iter().zip(there).map(|(here, there)| {
                    let kind = (here.name == there.name).then(|| here.kind.widened(&there.kind));
                    Some(Field {
                        kind: kind??,
                        ..here.clone()
                    })
                });
                fields.collect::<Option<_>>().map(Self::Struct)
            }
            (Self::List(id, required, here), Self::List(_, _, there)) => {
                let element = here.widened(there)?;
                Some(Self::List(*id, *required, Box::new(element)))
            }
            _ => (self == wanted).then(|| self.clone()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arrow::datatypes::{DataType, Field, Schema as ArrowSchema};

    use crate::Schema;

    fn columns(columns: &[(&str, DataType)]) -> ArrowSchema {
        let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), true);
        ArrowSchema::new(columns.iter().map(field).collect::<Vec<_>>())
    }

    fn ids(schema: &Schema) -> Vec<(&str, i32)> {
        let fields = schema.fields.iter();
        fields
            .map(|field| (field.name.as_str(), field.id))
            .collect()
    }

    #[test]
    fn columns_keep_their_ids_and_new_ones_never_get_old_ids() {
        let list = DataType::List(Field::new("element", DataType::Utf8, true).into());
        let first = columns(&[("a", DataType::Int32), ("l", list), ("b", DataType::Utf8)]);
        let (schema, last) = Schema::default().become_columns(0, &first).unwrap();
        assert_eq!(ids(&schema), [("a", 1), ("l", 2), ("b", 4)]);
        assert_eq!(last, 4);
        // `a` is widened, `l` dropped, `b` becomes a number, which text cannot.
        let second = columns(&[
            ("b", DataType::Int64),
            ("a", DataType::Int64),
            ("c", DataType::Date32),
        ]);
        let (schema, last) = schema.become_columns(last, &second).unwrap();
        assert_eq!(ids(&schema), [("b", 5), ("a", 1), ("c", 6)]);
        assert_eq!(last, 6);
        // A dropped column that comes back is another column.
        let third = columns(&[("a", DataType::Int64), ("l", DataType::Utf8)]);
        let (schema, last) = schema.become_columns(last, &third).unwrap();
        assert_eq!(ids(&schema), [("a", 1), ("l", 7)]);
        assert_eq!(last, 7);
        let renamed = schema.rename_column("a", "z").unwrap();
        assert_eq!(ids(&renamed), [("z", 1), ("l", 7)]);
        assert!(schema.rename_column("a", "l").is_err());
        assert!(schema.rename_column("q", "r").is_err());
    }
}
