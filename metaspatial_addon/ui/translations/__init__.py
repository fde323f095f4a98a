"""The interface in other languages: tables that Blender looks texts up in, and sentences that are made elsewhere."""
