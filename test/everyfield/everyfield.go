// Package everyfield makes values with something in every field, for tests that must look at all of
// them: a type or a field that is new is among them without a line here.
//
// It is for tests alone.
package everyfield

import (
	"fmt"
	"reflect"
	"time"
)

// Of is a value of the type of empty with something in every field, always the same: numbers are
// 1, texts are named after their field. The error names a field whose type is not known here.
func Of[T any](empty T) (T, error) {
	v := reflect.New(reflect.TypeOf(empty)).Elem()
	if err := fill(v, v.Type().Name()); err != nil {
		return empty, fmt.Errorf("%s: %w", v.Type(), err)
	}
	return v.Interface().(T), nil
}

func fill(v reflect.Value, name string) error {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 11, 20, 13, 0, 0, 123456789, time.UTC)))
		return nil
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(1)
	case reflect.String:
		v.SetString("a " + name)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return fill(v.Elem(), name)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		return fill(v.Index(0), name)
	case reflect.Map:
		return fillMap(v, name)
	case reflect.Struct:
		for i := range v.NumField() {
			if err := fill(v.Field(i), v.Type().Field(i).Name); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("field %s: no %s is filled here", name, v.Type())
	}
	return nil
}

func fillMap(v reflect.Value, name string) error {
	key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
	if err := fill(key, name); err != nil {
		return err
	}
	if err := fill(value, name); err != nil {
		return err
	}
	v.Set(reflect.MakeMap(v.Type()))
	v.SetMapIndex(key, value)
	return nil
}
